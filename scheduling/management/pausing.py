"""What commands that pause and resume have in common: how long, why, and which missed moments run after all."""

from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from scheduling import spans
from scheduling.management.finding import REFUSED
from scheduling.planning import Missed


def ask_reason(parser: ArgumentParser) -> None:
    parser.add_argument("--reason", default="", help="why; it goes into the history")


def ask_pause(parser: ArgumentParser) -> None:
    ask_reason(parser)
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument("--for", dest="lasts", metavar="SPAN", help="so long, as 15m, '2 h 30 min' or 1d; then it ends")
    ends.add_argument("--until", metavar="TIME", help="until then, as '2026-11-23 07:00', in TIME_ZONE or with a zone")


def ask_resume(parser: ArgumentParser) -> None:
    ask_reason(parser)
    help = "which of the moments that passed meanwhile run after all (none)"
    parser.add_argument("--missed", choices=Missed.values, default=Missed.NONE, help=help)


def end_of(given: dict[str, Any], now: datetime) -> datetime | None:
    """When the pause ends by itself; None for never. Raises CommandError."""
    try:
        if given["lasts"] is not None:
            return now + _forward(spans.read(given["lasts"]))
    except (ValueError, OverflowError) as error:
        raise CommandError(str(error), returncode=REFUSED) from None
    return None if given["until"] is None else _read(given["until"])


def told(count: int) -> str:
    """How many moments passed, in a sentence."""
    return f"{count:,} {'moment' if count == 1 else 'moments'} passed meanwhile."


def _read(text: str) -> datetime:
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        said = f"{text!r} is no time; write it as '2026-11-23 07:00'."
        raise CommandError(said, returncode=REFUSED) from None
    return until if until.tzinfo else until.replace(tzinfo=timezone.get_default_timezone())


def _forward(span: timedelta) -> timedelta:
    if not span:
        raise ValueError("A pause of no time is none.")
    return span
