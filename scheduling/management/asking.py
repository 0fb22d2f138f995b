"""Whether the person at the keyboard is sure."""

import sys

from django.core.management.base import CommandError

from scheduling.management.finding import REFUSED


def make_sure(question: str, *, yes: bool, otherwise: str) -> None:
    """Ask, unless `yes` was given beforehand. Raises CommandError with `otherwise` if the answer is no, or nobody's."""
    if yes or (sys.stdin.isatty() and input(f"{question} [y/N] ").strip().lower() in ("y", "yes")):
        return
    raise CommandError(f"{otherwise}: answer yes, or give --yes.", returncode=REFUSED)
