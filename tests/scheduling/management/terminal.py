"""A command and what it said: to a pipe, to a terminal, to a program."""

import json
from io import StringIO
from typing import Any

from django.core.management import call_command


class Terminal(StringIO):
    """Takes what a person would see."""

    def isatty(self) -> bool:
        return True


def said(*command: str) -> str:
    """What a pipe is told."""
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def told(*command: str) -> Any:
    """What a program is told."""
    return json.loads(said(*command, "--json"))


def seen(*command: str) -> str:
    """What a person sees, colours and all."""
    out = Terminal()
    call_command(*command, stdout=out)
    return out.getvalue()
