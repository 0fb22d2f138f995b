"""Notices: an incident is opened and closed once, and each line leaves once, however many look and send."""

import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Model, Q, QuerySet

from scheduling.conf import options
from scheduling.models import LONGEST_REASON, Execution, Incident, Notice, NoticeRule, NoticeState, Ping, Sighting
from scheduling.store.batch import contested, locked
from scheduling.store.changes import record

LEASE = timedelta(minutes=3)  # then who was sending has died, and somebody else sends
AT_ONCE = 200  # lines of one message
PRUNED_AT_ONCE = 500
BACK_OFF = (10, 30, 60, 300, 900, 1800, 3600)  # seconds after the first, the second … attempt that failed
PATIENCE = timedelta(days=2)  # then a line is given up; quiet hours are in it

Tell = Callable[[Incident], Sequence[Notice]]  # the lines that go out because of an incident


def silent(incident: Incident) -> Sequence[Notice]:
    """Nobody is told."""
    return ()


# Incidents


@contested
def sight(
    rule: NoticeRule,
    event: str,
    subject: str,
    *,
    runs: Sequence[Execution] = (),
    summary: str,
    now: datetime,
    tell: Tell = silent,
) -> Incident | None:
    """Note what `rule` has seen in `runs`, none of which counts twice; `tell` is asked if that opens an incident.

    None when all of them were known, or another process was faster.
    """
    try:
        with transaction.atomic():
            return _sight(rule, event, subject, runs, summary, now, tell)
    except IntegrityError:  # of a sighting, or of the incident: somebody else looks at the same rows
        return None


def _sight(
    rule: NoticeRule, event: str, subject: str, runs: Sequence[Execution], summary: str, now: datetime, tell: Tell
) -> Incident | None:
    standing = Incident.objects.open().filter(rule=rule, event=event, subject=subject)
    incident = standing.select_for_update().first()
    known = set(_sighted(rule, event, runs).values_list("execution_id", flat=True))
    new = [run for run in runs if run.pk not in known]
    if (runs and not new) or (incident and not runs):
        return None
    last = max(new, key=lambda run: run.pk, default=None)
    told = {"last_at": now, "last_run": last, "summary": summary[:LONGEST_REASON]}
    if incident is None:
        incident = Incident(rule=rule, event=event, subject=subject, opened_at=now, count=max(len(new), 1), **told)
        incident.save(force_insert=True)
        _tell(incident, tell, now)
    else:
        Incident.objects.filter(pk=incident.pk).update(count=F("count") + len(new), **told)
    Sighting.objects.bulk_create(
        [Sighting(rule=rule, event=event, execution=run, incident=incident, at=now) for run in new], batch_size=500
    )
    return incident


def _sighted(rule: NoticeRule, event: str, runs: Collection[Execution]) -> QuerySet[Sighting]:
    return Sighting.objects.filter(rule=rule, event=event, execution__in=[run.pk for run in runs])


@contested
def close(incident: Incident, reason: str, *, now: datetime, tell: Tell = silent) -> bool:
    """`incident` is over; False when another process was faster."""
    with transaction.atomic():
        said = reason[:LONGEST_REASON]
        if not _still(incident).update(standing=None, closed_at=now, closed_reason=said):
            return False
        incident.refresh_from_db()
        Notice.objects.bulk_create(tell(incident))
    return True


@contested
def repeat(incident: Incident, *, now: datetime, tell: Tell) -> bool:
    """Tell of `incident` again, which goes on; False when another process was faster."""
    with transaction.atomic():
        if not _still(incident).filter(told_at=incident.told_at).update(told_at=now):
            return False
        Notice.objects.bulk_create(tell(incident))
    return True


def _still(incident: Incident) -> QuerySet[Incident]:
    return Incident.objects.open().filter(pk=incident.pk)


def _tell(incident: Incident, tell: Tell, now: datetime) -> None:
    if told := tell(incident):
        Notice.objects.bulk_create(told)
        Incident.objects.filter(pk=incident.pk).update(told_at=now)
        incident.told_at = now


def acknowledge(incident: Incident, *, by: str, now: datetime, reason: str = "") -> bool:
    """Somebody sees to it: it is not told again, but for its end. False if that was so already."""
    with transaction.atomic():
        done = _still(incident).filter(acknowledged_at=None).update(acknowledged_at=now, acknowledged_by=by)
        if done:
            record(None, "acknowledged", subject=f"incident {incident.pk}", by=by, now=now, reason=reason)
    return bool(done)


def mute(incident: Incident, until: datetime, *, by: str, now: datetime, reason: str = "") -> bool:
    """Nothing is told of it until then, not even its end. False if it is over."""
    with transaction.atomic():
        done = _still(incident).update(muted_until=until, muted_by=by)
        if done:
            fields = {"muted_until": [None, until.isoformat()]}
            record(None, "muted", subject=f"incident {incident.pk}", by=by, now=now, reason=reason, fields=fields)
    return bool(done)


# The outbox


def waiting_channels(now: datetime) -> list[str]:
    """The channels on which something is due."""
    return sorted(set(_due(now).values_list("channel", flat=True)))


@contested
def claim_message(channel: str, now: datetime, together: timedelta) -> list[Notice]:
    """The lines of the next message on `channel`, which is the caller's to send; empty if nothing is due.

    Lines that wait only for others come along. What was claimed once stays together, under the id that it has.
    """
    with transaction.atomic():
        first = locked(_due(now).filter(channel=channel).order_by("due_at", "pk")).first()
        if first is None:
            return []
        if first.message:
            rows = Notice.objects.filter(channel=channel, message=first.message).exclude(state=NoticeState.SENT)
        else:
            fresh = Notice.objects.filter(channel=channel, state=NoticeState.WAITING, message=None)
            rows = fresh.filter(due_at__lte=now + together)
        claimed = list(locked(rows.order_by("pk"))[:AT_ONCE])
        own = first.message or uuid.uuid4()
        Notice.objects.filter(pk__in=[row.pk for row in claimed]).update(
            state=NoticeState.SENDING, claimed_until=now + LEASE, message=own, attempts=F("attempts") + 1
        )
    for row in claimed:
        row.message, row.attempts = own, row.attempts + 1
    return claimed


def _due(now: datetime) -> QuerySet[Notice]:
    left_behind = Q(state=NoticeState.SENDING, claimed_until__lt=now)
    return Notice.objects.filter(Q(state=NoticeState.WAITING, due_at__lte=now) | left_behind)


def delivered(claimed: Collection[Notice], now: datetime) -> None:
    """The message of these lines has arrived."""
    _claimed(claimed).update(state=NoticeState.SENT, sent_at=now, claimed_until=None, error="")


def not_delivered(
    claimed: Collection[Notice], error: str, *, now: datetime, final: bool = False, retry_in: float | None = None
) -> bool:
    """It has not: it is tried again later, or given up; returns whether it is given up.

    `final` says that no further attempt would help; `retry_in` are the seconds that the other side asks for.
    """
    first = min(claimed, key=lambda row: row.created_at)
    wait = BACK_OFF[min(first.attempts, len(BACK_OFF)) - 1]
    due = now + timedelta(seconds=max(wait, retry_in or 0))
    over = final or due - first.created_at > PATIENCE
    state = NoticeState.GIVEN_UP if over else NoticeState.WAITING
    _claimed(claimed).update(state=state, due_at=due, claimed_until=None, error=error[:LONGEST_REASON])
    return over


def _claimed(claimed: Collection[Notice]) -> QuerySet[Notice]:
    """Those of the lines that are still being sent, by this attempt and no later one."""
    rows = [Q(pk=row.pk, attempts=row.attempts) for row in claimed]
    return Notice.objects.filter(Q(*rows, _connector=Q.OR), state=NoticeState.SENDING)


def claim_new(notice: Notice, now: datetime) -> Notice:
    """Insert a line that the caller sends at once: a test."""
    notice.state, notice.claimed_until, notice.message, notice.attempts = (
        NoticeState.SENDING,
        now + LEASE,
        uuid.uuid4(),
        1,
    )
    notice.save(force_insert=True)
    return notice


def send_again(notice: Notice, *, by: str, now: datetime) -> bool:
    """Put a line that was sent or given up into the outbox anew, as a message of its own; False if it waits still."""
    with transaction.atomic():
        over = Notice.objects.filter(pk=notice.pk, state__in=(NoticeState.SENT, NoticeState.GIVEN_UP))
        done = over.update(
            state=NoticeState.WAITING, due_at=now, created_at=now, sent_at=None, message=None, attempts=0, error=""
        )
        if done:
            record(None, "sent again", subject=f"notice {notice.pk}", by=by, now=now)
    return bool(done)


# Retention


def prune(now: datetime) -> int:
    """Delete closed incidents, lines and pings that are older than failed runs are kept; returns how many.

    Pings go after a day: no run is looked at for as long as that.
    """
    gone = _delete(Ping.objects.filter(created_at__lt=now - timedelta(days=1)))
    if options().keep_unwell_days:
        before = now - timedelta(days=options().keep_unwell_days)
        over = Notice.objects.filter(state__in=(NoticeState.SENT, NoticeState.GIVEN_UP))
        gone += _delete(over.filter(created_at__lt=before)) + _delete(Incident.objects.filter(closed_at__lt=before))
    return gone


def _delete[M: Model](rows: QuerySet[M]) -> int:
    """In batches, so that nobody waits."""
    gone = 0
    while batch := list(rows.order_by().values_list("pk", flat=True)[:PRUNED_AT_ONCE]):
        gone += len(batch)
        rows.model._default_manager.filter(pk__in=batch).delete()
    return gone
