"""plan: whatever the trigger, the policies and the delay, each due moment is accounted for once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.models import Cause, Job, Overlap, State
from scheduling.planning import MOMENTS_AT_ONCE, PUNCTUAL, Circumstances, Going, plan, spoken
from tests.factories import ECHO, NOON

MINUTE = timedelta(minutes=1)
TRIGGERS: list[dict[str, Any]] = [
    {"trigger": "cron", "cron": "* * * * *"},
    {"trigger": "cron", "cron": "*/7 9-17 * * 1-5"},
    {"trigger": "cron", "cron": "30 2 * * *", "timezone": "Europe/Berlin"},
    {"trigger": "cron", "cron": "*/20 * * * * *"},
    {"trigger": "interval", "interval": timedelta(seconds=95)},
    {"trigger": "interval", "interval": timedelta(hours=5)},
    {"trigger": "interval", "interval": MINUTE, "end_at": NOON + timedelta(hours=1)},
    {"trigger": "date", "run_at": NOON + MINUTE},
]
SPANS = st.sampled_from([timedelta(0), timedelta(seconds=59), MINUTE, timedelta(hours=3), timedelta(days=4)])


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """A job that is armed, of any kind and with any policies."""
    job = Job(
        id="films",
        task=ECHO,
        anchored_at=NOON,
        coalesce=draw(st.booleans()),
        misfire_grace_time=draw(st.none() | SPANS),
        overlap=draw(st.sampled_from(Overlap.values)),
        max_instances=draw(st.integers(1, 3)),
        jitter=draw(st.none() | st.just(MINUTE)),
        **draw(st.sampled_from(TRIGGERS)),
    )
    job.next_run_time = job.next_after(NOON)
    return job


def walked(job: Job, until: datetime) -> list[datetime]:
    """All moments of `job` up to `until`, one at a time."""
    found, moment = [], job.next_run_time
    while moment and moment <= until:
        found.append(moment)
        moment = job.next_after(moment)
    return found


def _odd(moment: datetime) -> str:
    return "the calendar knows odd minutes only as holidays" if moment.minute % 2 else ""


def _never(moment: datetime) -> str:
    return ""


@settings(deadline=None, max_examples=300)
@given(job=jobs(), late=st.timedeltas(timedelta(0), timedelta(days=3)), going=st.integers(0, 3), closed=st.booleans())
def test_each_due_moment_is_accounted_for_once(job: Job, late: timedelta, going: int, closed: bool) -> None:
    assert job.next_run_time is not None
    now = job.next_run_time + late
    moments = walked(job, now)
    given = Circumstances(Going(count=going, waiting=going), _odd if closed else _never, "nobody was there")
    step = plan(job, now, given)

    told = [row.scheduled_for for row in step.rows]
    assert told == sorted(set(told), key=lambda moment: moment or NOON)
    assert set(told) <= set(moments)
    assert sum(row.missed_count + 1 for row in step.rows) == len(moments)
    assert len(step.rows) <= MOMENTS_AT_ONCE + 1
    assert step.fired_until == moments[-1]
    assert step.next_run_time == job.next_after(moments[-1])
    assert step.next_run_time is None or step.next_run_time > now

    queued = [row for row in step.rows if row.state == State.QUEUED]
    for row in step.rows:
        assert (row.state == State.SKIPPED) == bool(row.finished_at)
        assert bool(row.reason) == bool(row.cause)
        assert row.reason or row.state == State.QUEUED
    for row in queued:
        assert row.scheduled_for is not None
        assert row.scheduled_for <= row.run_after <= row.scheduled_for + MINUTE
        grace = job.misfire_grace_time
        assert grace is None or now - row.scheduled_for <= max(grace, PUNCTUAL)
        assert (row.cause == Cause.LATE) == (now - row.scheduled_for > PUNCTUAL)
        assert not (closed and _odd(row.scheduled_for))
    if job.coalesce:
        open_ = [moment for moment in moments if not (closed and _odd(moment))]
        assert [row.scheduled_for for row in queued] in ([], open_[-1:])
    if job.overlap == Overlap.SKIP and going >= job.max_instances:
        assert queued == []
    if job.overlap == Overlap.QUEUE_ONE:
        assert len(queued) <= (0 if going else 1)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.0314, "0.0314 s"),
        (3.2, "3.2 s"),
        (59.96, "60 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (7500, "2 h 5 min"),
        (86_400 + 3600 + 60, "1 d 1 h"),
        (90_061 * 100, "104 d 5 h"),
    ],
)
def test_a_span_is_told_in_two_units_at_most(seconds: float, words: str) -> None:
    assert spoken(timedelta(seconds=seconds)) == words
