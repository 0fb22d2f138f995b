"""scheduler status: is anything at work, who, with how much to do, and what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from django.db import Error as DatabaseFailure
from django.db.models import Count, Min
from django.utils import timezone
from rich.text import Text

from scheduling.clock import Clock
from scheduling.conf import options
from scheduling.explain import Teller
from scheduling.health import Health, health
from scheduling.loads import loads
from scheduling.management.composed import add_deed
from scheduling.management.ready import unready
from scheduling.management.telling import (
    NOTHING,
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
from scheduling.models import Execution, Job, Queue, Worker
from scheduling.store.workers import LIVING

DOWN = 1  # exit code
CODES = (
    "Exit code 0: the loop of a scheduler turns. 1: none does, be it that no process lives or that its loop has "
    "stalled, or the database does not answer. 2: refused."
)
COLOURS = {Health.ALIVE: "green", Health.STALLED: "bold red", Health.SILENT: "red", Health.STOPPING: "yellow"}


@dataclass(frozen=True, slots=True)
class Load:
    """What a queue holds."""

    name: str
    places: int  # of the schedulers at work
    running: int
    due: int  # wait for a place
    later: int  # wait for their time
    oldest: datetime | None  # since when the first of those that are due waits
    held: Queue | None  # if it is paused


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the installation at one moment, on the database's clock."""

    now: datetime
    workers: Sequence[Worker]
    loads: Sequence[Load]
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
        raise CommandError(unready(error), returncode=DOWN) from None
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
        loads=_loads(now),
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
        "workers": [
            {
                "id": str(worker.pk),
                "host": worker.host,
                "pid": worker.pid,
                "version": worker.version,
                "state": health(worker, status.now).value,
                "queues": worker.queues,
                "slots": worker.slots,
                "running": worker.running,
                "heartbeat_at": worker.heartbeat_at,
                "turned_at": worker.turned_at,
                "started_at": worker.started_at,
            }
            for worker in status.workers
        ],
        "due": status.due,
        "next": upcoming and {"job": upcoming.pk, "next_run_time": upcoming.next_run_time},
        "queues": [
            {
                "name": load.name,
                "places": load.places,
                "running": load.running,
                "due": load.due,
                "later": load.later,
                "oldest_due": load.oldest,
                "paused_at": load.held and load.held.paused_at,
                "paused_until": load.held and load.held.paused_until,
            }
            for load in status.loads
        ],
    }


def _loads(now: datetime) -> list[Load]:
    """Of the configured queues, and of those in which something waits or runs all the same."""
    due = Execution.objects.queued().due(now).order_by().values_list("queue")
    waiting = {name: (count, oldest) for name, count, oldest in due.annotate(Count("id"), Min("run_after"))}
    held = {queue.pk: queue for queue in Queue.objects.paused()}
    found = []
    for name, load in loads(now).items():
        count, oldest = waiting.get(name, (0, None))
        later = max(load.waiting - count, 0)  # counted a little earlier
        found.append(Load(name, load.places, load.running, count, later, oldest, held.get(name)))
    return found


def _show(status: Status, out: Any) -> None:
    verdict = Text("Running", "bold green") if status.running else Text(_down(status), "bold red")
    put(out, verdict, Text(), facts(_facts(status)))
    if status.workers:
        put(out, heading("Schedulers"), indented(_workers(status, roomy=is_roomy(out))))
    put(out, heading("Queues"), indented(_queues(status)))
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


def _queues(status: Status) -> Any:
    made = table(
        "Queue", "Running", "Waiting", "Later", "Oldest", "", wraps=("",), right=("Running", "Waiting", "Later")
    )
    for load in status.loads:
        made.add_row(
            Text(load.name, "bold"),
            f"{load.running} of {load.places}",
            f"{load.due:,}",
            f"{load.later:,}",
            away(load.oldest, status.now),
            Text(*_standing(load, status)),
        )
    return made


def _standing(load: Load, status: Status) -> tuple[str, str]:
    """What keeps a queue from going on, and its colour."""
    if load.held:
        said = f": {load.held.paused_reason}" if load.held.paused_reason else ""
        return (
            f"paused {away(load.held.paused_at, status.now)} by {load.held.paused_by or 'the system'}{said}",
            "yellow",
        )
    if options().lane(load.name) is None:
        return "not configured", "red"
    if status.running and not load.places:
        return "no scheduler serves it", "red"
    return "" if load.places else NOTHING, "dim"
