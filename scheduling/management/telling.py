"""How a terminal, a pipe and a program are told things: tables and facts, colours of states, moments, JSON."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from io import StringIO
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from rich.console import Console, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scheduling.admin.columns import look, relative
from scheduling.clocks import on_clock
from scheduling.models import Cause, Execution, State
from scheduling.standing import Standing

PIPED = 10_000  # columns: a line stays one for the program that reads it
ROOMY = 116  # columns
NOTHING = "—"
LONGEST_ID = 32  # characters of an id that stay on one line
STANDINGS = {
    Standing.ARMED: "green",
    Standing.PAUSED: "yellow",
    Standing.PARKED: "bold red",
    Standing.HELD: "yellow",
    Standing.SPENT: "dim",
    Standing.MANUAL: "blue",
}
STATES = {
    State.QUEUED: "cyan",
    State.RUNNING: "blue",
    State.SUCCEEDED: "green",
    State.FAILED: "red",
    State.TIMED_OUT: "red",
    State.CANCELLED: "dim",
    State.LOST: "magenta",
    State.SKIPPED: "yellow",
}


def put(out: Any, *parts: RenderableType) -> None:
    """Write `parts`, as wide as the terminal; a pipe gets each row on one line, without blanks at its end."""
    if out.isatty():
        Console(file=out, highlight=False, markup=False, emoji=False).print(*parts, sep="\n")
        return
    text = StringIO()
    Console(file=text, width=PIPED, highlight=False, markup=False, emoji=False).print(*parts, sep="\n")
    out.write("\n".join(line.rstrip() for line in text.getvalue().splitlines()))


def is_roomy(out: Any) -> bool:
    """Whether a table may have columns that one can do without; on a narrow terminal they would break the others."""
    return not out.isatty() or Console(file=out).width >= ROOMY


def put_json(out: Any, value: Any) -> None:
    out.write(json.dumps(value, cls=_Encoder, ensure_ascii=False))


def table(
    *columns: str, wraps: Iterable[str] = (), right: Iterable[str] = (), least: Mapping[str, int] | None = None
) -> Table:
    """A table without lines; only the columns that `wraps` names give way on a narrow terminal.

    `least` says how wide some of those stay all the same.
    """
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        justify: JustifyMethod = "right" if name in right else "left"
        width = (least or {}).get(name)
        made.add_column(name, no_wrap=name not in wraps, justify=justify, overflow="fold", min_width=width)
    return made


def id_width(ids: Iterable[str]) -> int:
    """How wide a column of ids stays, so that none but a very long one is broken."""
    return min(max(map(len, ids), default=0), LONGEST_ID)


def facts(pairs: Iterable[tuple[str, RenderableType]]) -> Table:
    """Names and what they are, side by side."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(name, value)
    return made


def heading(text: str) -> Text:
    return Text(f"\n{text}", "bold")


def indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 2), expand=False)


def state(run: Execution) -> Text:
    """How a run stands; one that a deploy interrupted did not fail."""
    if run.cause == Cause.INTERRUPTED:
        return Text("interrupted", STATES[State.CANCELLED])
    known = State(run.state)
    if known is State.RUNNING and run.cancel_requested_at:
        return Text("stopping", "yellow")
    return Text(look(run)[0].lower(), STATES[known])


def on(place: tzinfo, moment: datetime, now: datetime) -> str:
    """The moment on the clock of `place`: the year only if it is not this one, the seconds if there are any."""
    local = on_clock(moment, place)
    year = "" if local.year == on_clock(now, place).year else f" {local.year}"
    clock = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    return f"{local:%a} {local.day:>2} {local:%b}{year} {clock} {local:%Z}"


def away(moment: datetime | None, now: datetime) -> str:
    """ "in 3 min", "5 s ago"."""
    return NOTHING if moment is None else relative(moment, now)


def plural(count: int, one: str, many: str = "") -> str:
    """ "1 run", "2 runs", "1,204 runs"."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


class _Encoder(DjangoJSONEncoder):
    def default(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat()
        return value.total_seconds() if isinstance(value, timedelta) else super().default(value)
