"""Whether schedulers are at work, and whether they fit each other, this host and the database."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import connection

from scheduling.conf import options
from scheduling.doctor.findings import Finding, counted, error, named, warning
from scheduling.doctor.sight import Sight
from scheduling.health import Health
from scheduling.models import Worker, WorkerState
from scheduling.planning import spoken
from scheduling.pulse import SKEW, process_lives
from scheduling.store.workers import boot_id

START = "manage.py runscheduler"
GRAVE = 60.0  # seconds of a wrong clock that shift moments visibly
HOUR = timedelta(hours=1)
DEATHS = 3  # within the hour: more than bad luck


def nobody(sight: Sight) -> Iterator[Finding]:
    """No scheduler is at work."""
    if sight.at_work:
        return
    last = Worker.objects.order_by("-turned_at").first()
    if last is None:
        yield error("no-scheduler", "No scheduler has ever run here: no job runs.", f"Start one: {START}")
        return
    told = f"No scheduler is at work {sight.ago(last.turned_at)}: no job runs. The last one was {last}."
    yield error("no-scheduler", told, f"Start one: {START}; where a supervisor should have, look into its log.")


def stalled(sight: Sight) -> Iterator[Finding]:
    """The heart of a scheduler beats, but its loop does not turn."""
    for worker in sight.who(Health.STALLED):
        yield error(
            "loop-stalled",
            f"The scheduler {worker} lives, but its loop has not turned {sight.ago(worker.turned_at)}: "
            "it starts nothing.",
            f"Look into its log, and for what holds it up: py-spy dump --pid {worker.pid} (on {worker.host}); "
            "then end it and start it anew.",
        )


def silent(sight: Sight) -> Iterator[Finding]:
    """A scheduler says that it lives, but is not heard of."""
    here = boot_id()
    for worker in sight.who(Health.SILENT):
        gone = worker.boot_id == here and not process_lives(worker.pid, worker.pid_started)
        what = "its process is gone" if gone else "it stands still, or cannot reach the database"
        held = f" It holds {counted(worker.running, 'run')}." if worker.running else ""
        told = f"The scheduler {worker} has not been heard of {sight.ago(worker.heartbeat_at)}: {what}.{held}"
        if sight.at_work:
            wait = f"The schedulers at work take over from it within {options().stale_after:g} s; look into its log."
            yield warning("worker-silent", told, wait)
        else:
            yield warning("worker-silent", told, f"The next scheduler takes over from it: {START}")


def dying(sight: Sight) -> Iterator[Finding]:
    """Schedulers die again and again."""
    dead = Worker.objects.filter(state=WorkerState.DEAD, stopped_at__gte=sight.now - HOUR)
    count = dead.count()
    if count >= DEATHS:
        hosts = sorted(set(dead.values_list("host", flat=True)))
        yield warning(
            "workers-die",
            f"{counted(count, 'scheduler')} died within the last hour, on {named(hosts)}.",
            "Look into their logs, and for the kernel's: journalctl -k | grep -i 'out of memory'",
        )


def versions(sight: Sight) -> Iterator[Finding]:
    """Not everything runs the same version."""
    others = sorted({worker.version for worker in sight.at_work} - {options().version})
    if others:
        old = [str(worker) for worker in sight.at_work if worker.version != options().version]
        yield warning(
            "versions-differ",
            f"This is Rota {options().version}, but {named(old)} {'run' if len(old) > 1 else 'runs'} {named(others)}.",
            "Finish the deploy: restart the schedulers of the other version.",
        )


def clock(sight: Sight) -> Iterator[Finding]:
    """This host's clock and the database's differ."""
    seconds = abs(sight.behind.total_seconds())
    if seconds <= SKEW:
        return
    way = "behind" if sight.behind > timedelta() else "ahead of"
    told = f"The clock of this host is {spoken(abs(sight.behind))} {way} that of the database."
    kind = error if seconds >= GRAVE else warning
    yield kind("clock-skew", f"{told} Jobs follow the database's.", "Let NTP set both: timedatectl set-ntp true")


def ahead(sight: Sight) -> Iterator[Finding]:
    """A scheduler has written a moment that is still to come: its clock and ours differ."""
    for worker in sight.workers:
        early = worker.heartbeat_at - sight.now
        if early > timedelta(seconds=SKEW):
            yield warning(
                "worker-clock",
                f"The clock of the scheduler {worker} is {spoken(early)} ahead of this one.",
                f"Let NTP set the clock of {worker.host}: timedatectl set-ntp true",
            )


def several_hosts(sight: Sight) -> Iterator[Finding]:
    """SQLite's locks hold on one machine only."""
    if connection.vendor != "sqlite":
        return
    here = boot_id().split()[0]
    elsewhere = [str(worker) for worker in sight.at_work if worker.boot_id.split()[0] != here]
    if elsewhere:
        yield error(
            "sqlite-shared",
            f"The SQLite database is used from another machine, too: {named(elsewhere)}. Its file may be damaged.",
            "Use PostgreSQL or MariaDB (DATABASE_URL), or run web and schedulers on one machine.",
        )


EXAMINATIONS = (nobody, stalled, silent, dying, versions, clock, ahead, several_hosts)
