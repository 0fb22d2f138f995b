"""gunicorn's own lines, in the format of all others (LOG_FORMAT), wherever its options send them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from environ import Env
from gunicorn.config import Config
from gunicorn.glogging import Logger

from project.environment import settings_file
from project.logs import FORMATTERS

ROOT = Path(__file__).resolve().parent.parent


class Lines(Logger):
    """gunicorn's logger with our formatter; levels and places stay its own options."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        formatter = FORMATTERS.get(style(), FORMATTERS["text"])(without_secrets)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(formatter)


def style() -> str:
    """LOG_FORMAT. Nothing else of the settings is read here: what the master has loaded, no SIGHUP would load anew."""

    try:
        _Copy.read_env(settings_file(ROOT))
    except ImproperlyConfigured:
        return "text"  # wsgi.py says what is wrong
    return _Copy.ENVIRON.get("LOG_FORMAT", "").strip()


class _Copy(Env):
    """The environment, with what .env adds to it kept apart: workers shall find what .env says by then."""

    ENVIRON: ClassVar[dict[str, str]] = dict(os.environ)


def without_secrets(text: str) -> str:
    """`text` redacted once there are settings: in each worker, not in a master that has loaded none."""
    return _redact()(text) if apps.ready else text


def _redact() -> Callable[[str], str]:
    from scheduling.redact import redact  # not before there are settings, see style()

    return redact
