"""scheduler status: is anything at work, who, with how much to do, and what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from django.db import Error as DatabaseFailure
from django.utils import timezone
from rich.text import Text

from scheduling.clock import Clock
from scheduling.conf import options
from scheduling.explain import Teller
from scheduling.health import Health, health
from scheduling.management.composed import add_deed
from scheduling.management.queues import rows
from scheduling.management.ready import NOT_READY, unready
from scheduling.management.telling import (
    away,
    facts,
    heading,
    indented,
    is_roomy,
    on,
    plural,
    put,
    put_json,
    table,
)
from scheduling.models import Job, Queue, Worker
from scheduling.store.workers import LIVING

DOWN = 1  # exit code
CODES = (
    "Exit code 0: the loop of a scheduler turns. 1: none does, be it that no process lives or that its loop has "
    "stalled. 2: refused."
)
COLOURS = {Health.ALIVE: "green", Health.STALLED: "bold red", Health.SILENT: "red", Health.STOPPING: "yellow"}


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the installation at one moment, on the database's clock."""

    now: datetime
    workers: Sequence[Worker]
    loads: Sequence[rows.Load]
    due: int = 0  # jobs whose moment has come, and that no scheduler has fired yet
    upcoming: Job | None = None
    last: Worker | None = None  # of all that there were, the one that turned last
    at_work: Sequence[Worker] = field(default=())

    @property
    def running(self) -> bool:
        return bool(self.at_work)


def add_parsers(deeds: Any) -> None:
    add_deed(deeds, "status", act, "tell whether a scheduler is at work, and what it has to do", CODES)


def act(given: dict[str, Any], out: Any) -> None:
    clock = Clock()
    try:
        clock.compare()
        status = look(clock.now())
    except DatabaseFailure as error:
        if given["json"]:
            put_json(out, {"running": False, "version": options().version, "error": unready(error)})
        raise CommandError(unready(error), returncode=NOT_READY) from None
    if given["json"]:
        put_json(out, as_json(status))
    else:
        _show(status, out)
    if not status.running:
        raise SystemExit(DOWN)


def look(now: datetime) -> Status:
    """A handful of queries, each along an index."""
    workers = list(Worker.objects.filter(state__in=LIVING).order_by("started_at"))
    at_work = [worker for worker in workers if health(worker, now) is Health.ALIVE]
    armed = Job.objects.armed().exclude(queue__in=Queue.objects.paused().values("name"))
    return Status(
        now=now,
        workers=workers,
        at_work=at_work,
        loads=rows.found(now),
        due=armed.filter(next_run_time__lte=now).count(),
        upcoming=armed.filter(next_run_time__gt=now).order_by("next_run_time").first(),
        last=Worker.objects.order_by("-turned_at").first(),
    )


def as_json(status: Status) -> dict[str, Any]:
    upcoming = status.upcoming
    return {
        "running": status.running,
        "version": options().version,
        "instance": options().instance,
        "now": status.now,
        "last_turn": status.last and status.last.turned_at,
        "workers": [_worker(worker, status.now) for worker in status.workers],
        "due": status.due,
        "next": upcoming and {"job": upcoming.pk, "next_run_time": upcoming.next_run_time},
        "queues": [rows.as_json(load) for load in status.loads],
    }


def _worker(worker: Worker, now: datetime) -> dict[str, Any]:
    same = ("host", "pid", "version", "queues", "slots", "running", "heartbeat_at", "turned_at", "started_at")
    told = {name: getattr(worker, name) for name in same}
    return {"id": str(worker.pk), "state": health(worker, now).value, **told}


def _show(status: Status, out: Any) -> None:
    verdict = Text("Running", "bold green") if status.running else Text(_down(status), "bold red")
    put(out, verdict, Text(), facts(_facts(status)))
    if status.workers:
        put(out, heading("Schedulers"), indented(_workers(status, roomy=is_roomy(out))))
    put(out, heading("Queues"), indented(rows.drawn(status.loads, status.now, at_work=status.running)))
    if not status.running:
        put(out, Text("\nStart one: manage.py runscheduler; or look into it: manage.py scheduler doctor"))


def _down(status: Status) -> str:
    """Why nothing is at work, in a sentence."""
    stalled = [worker for worker in status.workers if health(worker, status.now) is Health.STALLED]
    if stalled:
        return f"The loop of the scheduler {stalled[0]} has stalled: it last turned {_ago(stalled[0], status)}."
    if status.last is None:
        return "No scheduler has ever run here."
    return f"No scheduler is at work: the last one, {status.last}, turned {_ago(status.last, status)}."


def _ago(worker: Worker, status: Status) -> str:
    return Teller(timezone.get_default_timezone(), status.now).since(worker.turned_at)


def _facts(status: Status) -> list[tuple[str, str]]:
    upcoming, here = status.upcoming, timezone.get_current_timezone()
    coming = "none"
    if upcoming and upcoming.next_run_time:
        moment = upcoming.next_run_time
        coming = f"{upcoming.pk}, {away(moment, status.now)} ({on(here, moment, status.now)})"
    return [
        ("Rota", f"{options().version}, installation {options().instance!r}"),
        ("Due now", plural(status.due, "job") if status.due else "nothing"),
        ("Next", coming),
    ]


def _workers(status: Status, *, roomy: bool) -> Any:
    extra = ("Up since", "Version") if roomy else ()
    columns = ("Host", "PID", "State", "Busy", "Queues", "Heartbeat", "Last turn", *extra)
    made = table(*columns, wraps=("Queues", "Host"), right=("PID", "Busy"))
    for worker in status.workers:
        how = health(worker, status.now)
        lanes = ", ".join(f"{name} ({slots})" for name, slots in worker.queues.items())
        made.add_row(
            *(worker.host, str(worker.pid), Text(how.value, COLOURS[how]), f"{worker.running} of {worker.slots}"),
            *(lanes, away(worker.heartbeat_at, status.now), away(worker.turned_at, status.now)),
            *((on(timezone.get_current_timezone(), worker.started_at, status.now), worker.version) if roomy else ()),
        )
    return made
