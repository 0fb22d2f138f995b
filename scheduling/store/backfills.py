"""backfill, feed, stop: the moments of a range get runs little by little, below the job's own."""

from collections import Counter
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Q

from scheduling import registry
from scheduling.conf import options
from scheduling.exceptions import NothingToRun, SchedulingError
from scheduling.models import LONGEST_REASON, OPEN, Backfill, BackfillState, Execution, Job, State, Why
from scheduling.states import WITHDRAW
from scheduling.store.batch import announce, contested, insert_rows, locked
from scheduling.store.changes import record
from scheduling.store.executions import request_cancel
from scheduling.store.moves import move
from scheduling.survey import Moment, survey, what_became

LOWER = 10  # than the priority of its job: what is due goes first
LOWEST = -100
LOOKED_AT = 100  # moments of a backfill in one turn: bounds how long others wait for it
MINUTE = timedelta(minutes=1)
TURN = timedelta(seconds=1)  # the scheduler looks at least so often; over it a rate is kept


@contested
def backfill(wanted: Backfill, *, by: str, now: datetime) -> Backfill:
    """Begin with `wanted`, a new row that has its job, its range and its options. Raises SchedulingError.

    The moments that are to run are fixed here: those that a survey of the same range has just shown.
    """
    job = wanted.job
    registry.check_arguments(job.task, job.arguments)
    _check(wanted)
    found = survey(job, wanted.first_at, wanted.last_at, now)
    chosen = found.to_run(again=wanted.again)
    if not chosen:
        count = len(found.moments)
        raise NothingToRun(f"Nothing is to be made up for: the runs of all {count:,} moments succeeded or still go.")
    wanted.to_run = [moment.isoformat() for moment in (reversed(chosen) if wanted.newest_first else chosen)]
    wanted.total, wanted.passed = len(found.moments), len(found.moments) - len(chosen)
    wanted.requested_by, wanted.created_at = by, now
    told = {"from": wanted.first_at.isoformat(), "until": wanted.last_at.isoformat(), "moments": len(chosen)}
    with transaction.atomic():
        wanted.save(force_insert=True)
        fields = {name: [None, value] for name, value in {"backfill": wanted.pk, **told}.items()}
        record(job.pk, "backfilled", by=by, now=now, reason=wanted.reason, fields=fields)
        announce()
    return wanted


@contested
def feed(now: datetime) -> list[Execution]:
    """Queue the next runs of each backfill, as far as its places and its rate allow; returns them.

    A backfill that is through is marked done, one whose job was deleted is stopped.
    """
    going = Backfill.objects.going()
    if not going.exists():
        return []
    fed: list[Execution] = []
    with transaction.atomic():
        backfills = list(locked(going.light().order_by("id")))
        jobs = Job.objects.in_bulk({each.job_id for each in backfills})
        places = _Places(now)
        for each in backfills:
            job = jobs.get(each.job_id)
            if job is None:
                _end(each, BackfillState.STOPPED, now, reason="Its job was deleted.")
            elif not each.to_come:
                if not places.unended[each.pk]:
                    _end(each, BackfillState.DONE, now)
            elif not job.parked_reason:  # a parked one waits until its task is back
                fed += _feed(each, job, places, now)
    return fed


@contested
def stop_backfill(stopped: Backfill, *, by: str, now: datetime, running: bool = False, reason: str = "") -> bool:
    """Let no further run of it start, nor be tried again; those under way end, or are told to stop if `running`.

    False if there was nothing to stop.
    """
    said = reason or f"The backfill was stopped by {by or 'the system'}."
    with transaction.atomic():
        row = Backfill.objects.select_for_update().light().get(pk=stopped.pk)
        going = row.state == BackfillState.GOING
        if going:
            _end(row, BackfillState.STOPPED, now, by=by, reason=reason)
            record(row.job_id, "backfill stopped", by=by, now=now, reason=reason, fields={"backfill": [row.pk, None]})
        runs = Execution.objects.filter(backfill=row.pk)
        runs.running().update(max_attempts=F("attempt"))
        move(runs, WITHDRAW, State.CANCELLED, finished_at=now, reason=said[:LONGEST_REASON])
        asked = request_cancel(runs.running(), now, by=by, reason=said) if running else 0
        announce()
    stopped.refresh_from_db()
    return going or bool(asked)


class _Places:
    """How many runs of backfills have not ended, and how many more may go."""

    def __init__(self, now: datetime) -> None:
        active = Count("id", filter=Q(state=State.RUNNING) | Q(run_after__lte=now))
        unended = Execution.objects.filter(backfill__isnull=False, state__in=OPEN).order_by()
        self.unended: Counter[int] = Counter()
        self._going: Counter[int] = Counter()  # without attempts that wait for their time
        self._in_queue: Counter[str] = Counter()
        for row in unended.values("backfill_id", "queue").annotate(count=Count("id"), active=active):
            self.unended[row["backfill_id"]] += row["count"]
            self._going[row["backfill_id"]] += row["active"]
            self._in_queue[row["queue"]] += row["active"]

    def free(self, backfill: Backfill, queue: str) -> int:
        """One place of each queue stays free for the schedule, however many backfills share it."""
        left = most_at_once(queue) - self._in_queue[queue]
        return max(min(backfill.at_once - self._going[backfill.pk], left), 0)

    def take(self, backfill: Backfill, queue: str, count: int) -> None:
        self._going[backfill.pk] += count
        self._in_queue[queue] += count


def most_at_once(queue: str) -> int:
    """How many runs of backfills may go at the same time in `queue`; none in one that is not configured."""
    lane = options().lane(queue)
    return 0 if lane is None else max(lane.slots - 1, 1)


def _check(wanted: Backfill) -> None:
    queue = wanted.job.queue
    most = most_at_once(queue)
    if not most:
        raise SchedulingError(f"The queue {queue!r} of the job is not configured any more; choose another one there.")
    if not 1 <= wanted.at_once <= most:
        raise SchedulingError(
            f"From one to {most} of its runs may go at the same time in the queue {queue}: the schedule keeps a place."
        )
    if wanted.per_minute is not None and wanted.per_minute < 1:
        raise SchedulingError(
            "Fewer than one run a minute is no backfill; leave the rate empty for as fast as it goes."
        )


def _feed(each: Backfill, job: Job, places: _Places, now: datetime) -> list[Execution]:
    """The next runs of `each`, whose row is locked, are inserted."""
    room = min(places.free(each, job.queue), _due(each, now))
    if not room:
        return []
    rows: list[Execution] = []
    ahead = [datetime.fromisoformat(text) for text in each.to_run[each.position : each.position + LOOKED_AT]]
    known = {} if each.again else what_became(job, ahead)
    for moment in ahead:
        if len(rows) == room:
            break
        each.position += 1
        if Moment(moment, known.get(moment)).is_settled:  # meanwhile, in another way
            each.passed += 1
        else:
            rows.append(_row(each, job, moment, now))
    each.queued += len(rows)
    each.fed_at = _fed_at(each, len(rows), now)
    each.save(update_fields=["position", "passed", "queued", "fed_at"])
    places.take(each, job.queue, len(rows))
    return insert_rows(rows)


def _row(each: Backfill, job: Job, moment: datetime, now: datetime) -> Execution:
    snapshot = {**job.snapshot(), "priority": max(job.priority - LOWER, LOWEST)}
    if each.alongside:
        snapshot["max_instances"] = None
    return Execution(
        **snapshot,
        why=Why.BACKFILL,
        backfill=each,
        stands_for=moment,
        requested_by=each.requested_by,
        run_after=now,
        created_at=now,
    )


def _due(each: Backfill, now: datetime) -> int:
    """How many runs its rate allows now: what comes in one turn at most, so that waiting earns no crowd."""
    if each.per_minute is None:
        return each.at_once
    apart = MINUTE / each.per_minute
    if each.fed_at is None:
        return 1
    return max(0, min((now - each.fed_at) // apart, max(TURN // apart, 1)))


def _fed_at(each: Backfill, count: int, now: datetime) -> datetime | None:
    """From when the rate counts on; not from `now`, which is a little late each time."""
    if each.per_minute is None or not count:
        return each.fed_at
    return max((each.fed_at or now) + (MINUTE / each.per_minute) * (count if each.fed_at else 0), now - TURN)


def _end(each: Backfill, state: BackfillState, now: datetime, *, by: str = "", reason: str = "") -> None:
    each.state, each.ended_at = state, now
    each.ended_by, each.ended_reason = by, reason[:LONGEST_REASON]
    each.save(update_fields=["state", "ended_at", "ended_by", "ended_reason"])
