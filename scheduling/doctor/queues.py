"""Whether queues go on: long pauses, a backlog that grows, runs that block others or outlive their time."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from scheduling.conf import options
from scheduling.doctor.findings import Finding, counted, error, info, named, warning
from scheduling.doctor.sight import Sight, Waiting
from scheduling.models import Execution

PAUSED_LONG = timedelta(days=1)
PATIENCE = timedelta(minutes=5)  # that a run which is due may wait for a place
OVERTIME = timedelta(minutes=1)  # after the time-out and the grace: by then a run has been stopped


def paused(sight: Sight) -> Iterator[Finding]:
    """Queues that are paused."""
    for queue in sight.paused_queues.values():
        assert queue.paused_at is not None
        waiting = sum(row.runs for row in sight.waiting if row.queue == queue.pk)
        said = f": {queue.paused_reason}" if queue.paused_reason else ""
        told = f"The queue {queue} is paused {sight.ago(queue.paused_at)} by {queue.paused_by or 'the system'}{said}."
        until = f" It goes on by itself at {queue.paused_until:%Y-%m-%d %H:%M} UTC." if queue.paused_until else ""
        forgotten = sight.now - queue.paused_at > PAUSED_LONG and not queue.paused_until
        kind = warning if forgotten else info
        holds = f" {counted(waiting, 'run')} wait{'s' if waiting == 1 else ''} in it." if waiting else ""
        yield kind("queue-paused", f"{told.replace('..', '.')}{holds}{until}", f"manage.py queues resume {queue}")


def backlog(sight: Sight) -> Iterator[Finding]:
    """Runs that have been due for long, and find no place."""
    by_queue: dict[str, list[Waiting]] = defaultdict(list)
    for row in sight.waiting:
        if row.queue in sight.served and row.queue not in sight.paused_queues and not _is_full(row, sight):
            by_queue[row.queue].append(row)
    for queue, rows in sorted(by_queue.items()):
        since = min(row.since for row in rows)
        if sight.now - since > PATIENCE:
            places = sum(worker.queues.get(queue, 0) for worker in sight.at_work)
            yield warning(
                "backlog",
                f"{counted(sum(row.runs for row in rows), 'run')} of the queue {queue} wait for one of its "
                f"{counted(places, 'place')}, the oldest {sight.ago(since)}.",
                "Give it more places (QUEUES), or start another scheduler; what takes them: "
                f"manage.py executions list --state running --queue {queue}",
            )


def full_jobs(sight: Sight) -> Iterator[Finding]:
    """Runs that wait for the end of another run of their job."""
    for row in sight.waiting:
        if row.queue in sight.paused_queues or sight.now - row.since <= PATIENCE or not _is_full(row, sight):
            continue
        running = Execution.objects.running().filter(job=row.job).order_by("started_at").only("id", "started_at")
        first = running.first()
        if first is None or first.started_at is None:
            continue
        yield warning(
            "job-full",
            f"{counted(row.runs, 'run')} of {row.job} wait for an end of #{first.pk}, "
            f"which is running {sight.ago(first.started_at)}: at most {row.max_instances} may at the same time.",
            f"If it hangs: manage.py executions cancel {first.pk}; give the job a time-out, or more instances.",
        )


def overtime(sight: Sight) -> Iterator[Finding]:
    """Runs that go on after their time-out: nothing stops a thread that does not listen."""
    running = Execution.objects.running().filter(timeout__isnull=False)
    grace = timedelta(seconds=options().kill_grace) + OVERTIME
    rows = running.only("id", "job_id", "task", "queue", "started_at", "timeout")
    late = [run for run in rows if run.timeout and run.started_at and run.started_at + run.timeout + grace < sight.now]
    if late and sight.at_work:
        yield error(
            "overtime",
            f"{counted(len(late), 'run')} still going after the time-out: {named(late)}.",
            "In a queue of threads a task must look whether it is to stop (context.cancelled); "
            "give the job a queue of processes, and restart the scheduler to be rid of the run.",
        )


def _is_full(row: Waiting, sight: Sight) -> bool:
    """Whether as many runs of the job are running as may be."""
    return bool(row.job and row.max_instances and sight.going[row.job] >= row.max_instances)


EXAMINATIONS = (paused, backlog, full_jobs, overtime)
