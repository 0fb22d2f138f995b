"""Settings that stop this workload from running, said at start."""

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from tasks.audiobooks.conf import options


@register
def check_settings(**_: Any) -> list[CheckMessage]:
    found = options()
    try:
        import_string(found.catalogue)
    except ImportError as error:
        return [
            Error(
                f"CATALOGUE={found.catalogue!r} cannot be imported: {error}",
                hint="Give the dotted path of a class like tasks.audiobooks.librivox.LibriVox.",
                id="audiobooks.E001",
            )
        ]
    return []
