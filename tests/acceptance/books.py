"""The books of a fault: a job that is due each second notes its runs in a file, and the two must agree afterwards."""

from collections import Counter
from datetime import datetime, timedelta

from django.utils import timezone

from scheduling import store
from scheduling.models import OPEN, Execution, Job, State, Worker
from tests.acceptance.rota import Rota

EACH_SECOND = "each-second"
NOTED = "noted"
PACE = {"HEARTBEAT": "0.5", "STALE_AFTER": "1.5"}  # far shorter than the faults


def start_two(rota: Rota) -> None:
    """Schedulers that judge each other by their heartbeats, as if they were on two hosts."""
    for host in ("one", "two"):
        known = set(Worker.objects.values_list("pk", flat=True))
        rota.start(**PACE)
        Worker.objects.exclude(pk__in=known).update(boot_id=f"kernel of {host}", host=host)


def open_books(rota: Rota) -> None:
    """Add the job."""
    arguments = {"path": rota.path(NOTED)}
    rota.job("note", id=EACH_SECOND, trigger="cron", cron="* * * * * *", arguments=arguments)


def works_since(rota: Rota, moment: datetime) -> timedelta:
    """How long after `moment` the first run started."""
    started = Execution.objects.filter(state=State.SUCCEEDED, started_at__gt=moment)
    rota.until(started.exists)
    first = started.earliest("started_at").started_at
    assert first
    return first - moment


def close_books(rota: Rota) -> None:
    """The moments are right, nobody was taken for dead, and all processes live."""
    check_moments(rota)
    assert not Execution.objects.filter(state=State.LOST).exists()
    assert rota.alive() == Worker.objects.count() == len([each for each in rota.processes if each.poll() is None])


def check_moments(rota: Rota) -> None:
    """Each moment has one row, and ran once or not at all."""
    store.pause(Job.objects.get(pk=EACH_SECOND), by="test", now=timezone.now())
    rota.until(lambda: not Execution.objects.filter(state__in=OPEN).exists())
    rows = Execution.objects.filter(job=EACH_SECOND)
    moments = sorted(moment for moment in rows.values_list("scheduled_for", flat=True) if moment)
    beyond_rows = sum(rows.values_list("missed_count", flat=True))
    assert len(set(moments)) == len(moments)
    assert moments[-1] - moments[0] == timedelta(seconds=len(moments) + beyond_rows - 1)
    assert set(Counter(rota.lines(NOTED)).values()) == {1}
    assert len(rota.lines(NOTED)) == rows.filter(state=State.SUCCEEDED).count()
