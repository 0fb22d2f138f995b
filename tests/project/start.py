"""Starts Rota's own commands as processes, in an environment that the test alone decides."""

import os
import subprocess
import sys
from dataclasses import dataclass

from project.settings import ROOT

SECRET = "correct-horse-battery-staple-0123456789-and-a-bit-more"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    errors: str


def command(*arguments: str, **settings: str) -> Ended:
    """What `python ARGUMENTS` says with these settings and no others, except where the test database is."""
    secret = {} if "ENV_FILE" in settings else {"SECRET_KEY": SECRET}
    given = {**secret, "DATABASE_URL": os.environ["DATABASE_URL"], "ENV_FILE": os.devnull, **settings}
    environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "project.settings", **given}
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)
