"""Whether jobs can run: tasks, queues, what is due and does not fire, and the history that they leave."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta

from scheduling import registry
from scheduling.conf import options
from scheduling.doctor.findings import Finding, counted, error, info, named, warning
from scheduling.doctor.sight import Sight
from scheduling.models import Execution, Job

OVERDUE = timedelta(minutes=1)  # from the moment of a job until somebody should have fired it
MANY = 1_000_000  # runs in a history that nothing prunes
PRUNES = "scheduling.tasks.prune_history"


def parked(sight: Sight) -> Iterator[Finding]:
    """Jobs that cannot run, by what keeps them."""
    by_reason = defaultdict(list)
    for job in sight.jobs:
        if job.parked_reason:
            by_reason[job.parked_reason].append(job.pk)
    for reason, jobs in by_reason.items():
        yield warning(
            "jobs-parked",
            f"{counted(len(jobs), 'job')} cannot run and {_is(jobs)} parked: {named(jobs)}. {reason}",
            f"Mend the cause, and save the job or start a scheduler; or: manage.py jobs remove {jobs[0]}",
        )


def unknown_tasks(sight: Sight) -> Iterator[Finding]:
    """Jobs and queued runs whose task no installed app has."""
    known = registry.registered()
    jobs = [job for job in sight.jobs if job.task not in known and not job.parked_reason]
    queued = Execution.objects.queued().order_by().values_list("task", flat=True).distinct()
    tasks = {job.task for job in jobs} | {task for task in queued if task not in known}
    if tasks:
        of = f" (of {named(job.pk for job in jobs)})" if jobs else ""
        yield error(
            "unknown-task",
            f"No installed app has the {_plural(tasks, 'task')} {named(sorted(tasks))}{of}.",
            "Bring back its module or its app (INSTALLED_APPS), or give the job another task.",
        )


def unserved(sight: Sight) -> Iterator[Finding]:
    """Queues of which nothing starts, since no scheduler that is at work serves them."""
    if not sight.at_work:
        return
    jobs = defaultdict(list)
    for job in sight.jobs:
        if job.next_run_time and job.queue not in sight.served:
            jobs[job.queue].append(job.pk)
    runs: dict[str, int] = defaultdict(int)
    for row in sight.waiting:
        if row.queue not in sight.served:
            runs[row.queue] += row.runs
    for queue in sorted({*jobs, *runs}):
        held = f"{counted(runs[queue], 'run')} and {counted(len(jobs[queue]), 'job')} in it"
        named_jobs = f": {named(jobs[queue])}" if jobs[queue] else ""
        if options().lane(queue):
            cure = f"Start one that does: manage.py runscheduler --queues {queue}"
        else:
            cure = f"It is not configured: add it to QUEUES, or give the jobs one of {_lanes()}."
        yield error("queue-unserved", f"No scheduler serves the queue {queue!r}; {held} wait{named_jobs}.", cure)


def overdue(sight: Sight) -> Iterator[Finding]:
    """A scheduler is at work, and yet moments pass that nobody fires."""
    if not sight.at_work:
        return
    late = [
        job
        for job in sight.jobs
        if job.next_run_time and job.next_run_time < sight.now - OVERDUE and job.queue not in sight.paused_queues
    ]
    if late:
        first = min(late, key=lambda job: job.next_run_time or sight.now)
        assert first.next_run_time is not None
        yield error(
            "overdue",
            f"A scheduler is at work, but {counted(len(late), 'job')} {_is(late)} overdue, "
            f"{first.pk} {sight.ago(first.next_run_time)}: {named(job.pk for job in late)}.",
            f"Look into the log of the scheduler for errors of its turns, and ask: manage.py jobs explain {first.pk}",
        )


def exclusive_in_threads(sight: Sight) -> Iterator[Finding]:
    """A run in a thread can only be asked to stop, which is too little for one that must never be in two places."""
    threads = {lane.name for lane in options().queues if lane.executor == "threads"}
    jobs = [job.pk for job in sight.jobs if job.exclusive and job.queue in threads]
    if jobs:
        processes = [lane.name for lane in options().queues if lane.executor == "processes"]
        choice = f": {named(processes)}" if processes else ", which QUEUES has none of"
        yield warning(
            "exclusive-in-threads",
            f"{counted(len(jobs), 'exclusive job')} {_is(jobs)} in a queue of threads, whose runs are only asked "
            f"to stop: {named(jobs)}.",
            f"Give {'them' if len(jobs) > 1 else 'it'} a queue of processes{choice}.",
        )


def history(sight: Sight) -> Iterator[Finding]:
    """Nothing prunes the history."""
    days = [name for name in ("KEEP_DAYS", "KEEP_UNWELL_DAYS") if not getattr(options(), name.lower())]
    rows = _rows()
    if days and rows >= MANY:
        yield warning(
            "history-huge",
            f"The history has about {rows:,} runs, and {' and '.join(days)} {_is(days)} 0: they are kept for ever.",
            "Set KEEP_DAYS=30 and KEEP_UNWELL_DAYS=90, or so.",
        )
    pruning = [job for job in sight.jobs if job.task == PRUNES]
    if len(days) == 2 or any(job.next_run_time for job in pruning):
        return
    if pruning:
        cure = (
            f"manage.py jobs resume {pruning[0].pk}" if pruning[0].paused_at else f"manage.py jobs show {pruning[0].pk}"
        )
        kind = warning if rows >= MANY // 10 else info
        yield kind("history-not-pruned", f"The job {pruning[0].pk}, which prunes the history, stands still.", cure)
    elif sight.jobs:
        yield info("history-not-pruned", "There is no job that prunes the history.", "manage.py syncjobs")


def none(sight: Sight) -> Iterator[Finding]:
    """An installation without jobs does nothing."""
    if not sight.jobs:
        yield info("no-jobs", "There is no job yet.", "manage.py syncjobs brings in those of the code.")


def _rows() -> int:
    """About how many runs there are, without counting them."""
    ids = Execution.objects.order_by("pk").values_list("pk", flat=True)
    first = ids.first()
    return 0 if first is None else (ids.last() or first) - first + 1


def _lanes() -> str:
    return named(lane.name for lane in options().queues)


def _is(things: "Iterable[Job | str]") -> str:
    return "is" if len(list(things)) == 1 else "are"


def _plural(things: "set[str]", one: str) -> str:
    return one if len(things) == 1 else f"{one}s"


EXAMINATIONS = (unknown_tasks, parked, unserved, overdue, exclusive_in_threads, history, none)
