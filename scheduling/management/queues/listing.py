"""queues list: what each queue holds, how long the oldest of it has waited, and which are paused."""

from typing import Any

from rich.text import Text

from scheduling.clock import Clock
from scheduling.health import turning
from scheduling.management.composed import add_deed
from scheduling.management.queues import rows
from scheduling.management.telling import put, put_json


def add_parsers(deeds: Any) -> None:
    add_deed(deeds, "list", act, "list queues: what runs, what waits and since when, and which are paused")


def act(given: dict[str, Any], out: Any) -> None:
    clock = Clock()
    clock.compare()
    now = clock.now()  # the database's, as in `scheduler status`: workers write their heartbeats by it
    queues = rows.found(now)
    if given["json"]:
        put_json(out, [rows.as_json(load) for load in queues])
        return
    at_work = bool(turning(now))
    nobody = [] if at_work else [Text("\nNo scheduler is at work; start one: manage.py runscheduler", "red")]
    put(out, rows.drawn(queues, now, at_work=at_work), *nobody)
