"""Queues: pause one, and let it go on; what was due meanwhile is accounted for job by job."""

from datetime import datetime
from typing import Any

from django.db import transaction

from scheduling.conf import options
from scheduling.exceptions import InvalidJob, InvalidTrigger, SchedulingError
from scheduling.models import LONGEST_REASON, Execution, Job, Queue
from scheduling.planning import Missed
from scheduling.store.batch import announce, contested
from scheduling.store.changes import record
from scheduling.store.ledger import end_of_pause, missed_so_far, next_free
from scheduling.store.pauses import OVER, go_on

AT_ONCE = 500  # jobs in one transaction


def ensure_queues() -> None:
    """A row for each configured queue."""
    known = set(Queue.objects.values_list("name", flat=True))
    missing = [Queue(name=lane.name) for lane in options().queues if lane.name not in known]
    Queue.objects.bulk_create(missing, ignore_conflicts=True)


def check_queue(name: str) -> None:
    """Raise InvalidJob, naming those that there are, unless a queue of that name is configured."""
    if options().lane(name) is None:
        known = ", ".join(lane.name for lane in options().queues)
        raise InvalidJob(f"There is no queue {name!r}; choose from: {known}.", field="queue")


@contested
def pause_queue(queue: Queue, *, by: str, now: datetime, reason: str = "", until: datetime | None = None) -> bool:
    """Start nothing more of `queue`, for good or `until` then: its jobs do not fire, and what waits goes on waiting.

    A queue that is paused already takes the new end and reason. False if that changes nothing. Raises InvalidJob.
    """
    if until and until <= now:
        raise InvalidJob("The end of the pause has passed; choose a later one.")
    with transaction.atomic():
        stored = Queue.objects.select_for_update().get(pk=queue.pk)
        same = (stored.paused_until, stored.paused_reason) == (until, reason or stored.paused_reason)
        if stored.paused_at and same:
            return False
        Queue.objects.filter(pk=queue.pk).update(
            paused_at=stored.paused_at or now,
            paused_by=by,
            paused_reason=reason[:LONGEST_REASON],
            paused_until=until,
        )
        fields = {"paused_until": [None, until.isoformat()]} if until else {}
        record(None, "paused", subject=f"queue {queue}", by=by, now=now, reason=reason, fields=fields)
        announce()
    queue.refresh_from_db()
    return True


def resume_queue(queue: Queue, *, by: str, now: datetime, reason: str = "", missed: Missed = Missed.NONE) -> bool:
    """Let `queue` go on: what waits starts, and its jobs fire from the first moment after `now`, or its planned end.

    `missed` says for each job which of the moments that passed run after all. False if it was not paused.
    """
    queue.refresh_from_db()
    if not queue.paused_at:
        return False
    until = end_of_pause(queue.paused_until, now)
    while _settle_some(queue, until, by=by, now=now, missed=missed):
        pass
    with transaction.atomic():
        cleared = (
            Queue.objects.paused()
            .filter(pk=queue.pk)
            .update(paused_at=None, paused_until=None, paused_by="", paused_reason="")
        )
        if cleared:
            record(None, "resumed", subject=f"queue {queue}", by=by, now=now, reason=reason)
        announce()
    queue.refresh_from_db()
    return bool(cleared)


def end_queue_pauses(now: datetime) -> list[Queue]:
    """Resume the queues whose pause was to end by `now`, at the moment at which it was to end."""
    over = list(Queue.objects.filter(paused_until__lte=now))
    for queue in over:
        resume_queue(queue, by="", now=now, reason=OVER)
    return over


def missed_of_queue(queue: Queue, now: datetime) -> tuple[int, int]:
    """How many moments of how many jobs have passed since `queue` was paused."""
    counts = [missed_so_far(job, now) for job in Job.objects.due(now).filter(queue=queue.pk)]
    return sum(counts), len(counts)


def waiting_in(queue: Queue) -> int:
    """How many runs wait in `queue`, and start when it goes on."""
    return Execution.objects.queued().filter(queue=queue.pk).count()


@contested
def _settle_some(queue: Queue, until: datetime, *, by: str, now: datetime, missed: Missed) -> bool:
    """Account for some of the jobs that were due while `queue` stood still; False when none is left."""
    with transaction.atomic():
        due = Job.objects.select_for_update().due(until).filter(queue=queue.pk)
        jobs = list(due[:AT_ONCE])
        for job in jobs:
            try:
                _go_on(job, until, missed, queue, by=by, now=now)
                columns: dict[str, Any] = {"next_run_time": next_free(job, until), "fired_until": until}
            except InvalidTrigger as error:  # no reason to keep the others from going on
                columns = {"next_run_time": None, "parked_reason": str(error)[:LONGEST_REASON]}
            Job.objects.filter(pk=job.pk).update(**columns)
    return bool(jobs)


def _go_on(job: Job, until: datetime, missed: Missed, queue: Queue, *, by: str, now: datetime) -> None:
    """Account for `job`; where its moments cannot be made up for, that is on its record. Raises InvalidTrigger."""
    said = f"Missed while the queue {queue} was paused."
    try:
        with transaction.atomic():
            go_on(job, until, missed, by=by, now=now, reason=said)
    except InvalidTrigger:
        raise
    except SchedulingError as error:
        go_on(job, until, Missed.NONE, by=by, now=now, reason=said)
        record(job.pk, "not made up for", by=by, now=now, reason=str(error))
