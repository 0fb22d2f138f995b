"""The coming moments of a schedule, for a terminal and for a program."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from scheduling.coming import Coming, coming
from scheduling.management.telling import away, table

__all__ = ["Coming", "as_json", "coming", "drawn"]


def drawn(moments: Sequence[Coming], now: datetime) -> Table:
    """For a terminal; the column of UTC only where the clock of the schedule is another one."""
    elsewhere = any(each.local.utcoffset() for each in moments)
    made = table("Moment", *(["UTC"] if elsewhere else []), "", "Note", wraps=("Note",))
    for each in moments:
        style = "" if each.runs else "dim strike"
        there = Text(f"{each.local:%a %Y-%m-%d %H:%M:%S %Z}", style)
        utc = [Text(f"{each.at:%H:%M:%S}", "dim")] if elsewhere else []
        made.add_row(there, *utc, Text(away(each.at, now), "dim"), Text("; ".join(each.notes), "yellow"))
    return made


def as_json(each: Coming) -> dict[str, Any]:
    return {"moment": each.at, "local": each.local.isoformat(), "runs": each.runs, "notes": each.notes}
