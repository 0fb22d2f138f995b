"""Pings: each start and end once and in order, tried again shortly, dropped when stale; the scheduler's own."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from scheduling.models import Job, Ping, State, Why
from scheduling.notices import pings
from scheduling.notices.pings import Pinger
from tests.factories import NOON, make_job
from tests.scheduling.notices.conftest import Ear, ended, running

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def job(ear: Ear, scheduling: Callable[..., None]) -> Job:
    scheduling(PINGS={"nightly": f"{ear.url}/key/{{job}}"}, NOTICE_PRIVATE=True)
    return make_job(id="backup", ping="nightly")


def noted(now: object = NOON) -> int:
    return pings.note(now, now - MINUTE)  # type: ignore[arg-type, operator]


def test_a_start_and_a_success_are_told_once(job: Job, ear: Ear) -> None:
    running(job, since=NOON, instance=0)
    assert (noted(), noted()) == (1, 0)
    Pinger(lambda: NOON).send_due()
    assert ear.paths == ["/key/backup/start"]
    ended(job, at=NOON)
    assert (noted(), noted()) == (2, 0)
    Pinger(lambda: NOON).send_due()
    Pinger(lambda: NOON).send_due()
    assert ear.paths[1:] == ["/key/backup/start", "/key/backup"]


def test_a_failure_is_told_with_its_error(job: Job, ear: Ear) -> None:
    ended(job, State.FAILED)
    noted()
    Pinger(lambda: NOON).send_due()
    assert ear.paths == ["/key/backup/start", "/key/backup/fail"]
    assert ear.heard[-1][2] == b"ValueError: no luck"


def test_only_the_last_attempt_fails(job: Job, ear: Ear) -> None:
    first = ended(job, State.FAILED, max_attempts=2)
    ended(job, State.FAILED, at=NOON + MINUTE, root=first, attempt=2, why=Why.RETRY)
    pings.note(NOON + MINUTE, NOON - MINUTE)
    Pinger(lambda: NOON + MINUTE).send_due()
    assert [path.rpartition("/")[2] for path in ear.paths] == ["start", "start", "fail"]


def test_what_did_not_run_and_jobs_without_a_ping_say_nothing(job: Job) -> None:
    ended(job, State.SKIPPED, started_at=None)
    ended(job, State.CANCELLED, started_at=None)
    ended(make_job())
    assert noted() == 0


def test_a_ping_that_fails_is_tried_again_and_dropped_when_stale(job: Job, ear: Ear) -> None:
    ended(job)
    noted()
    ear.answers = [(500, {})] * 50
    now, clock = NOON, [NOON]
    pinger = Pinger(lambda: clock[-1])
    while due := Ping.objects.filter(due_at__isnull=False).order_by("due_at").first():
        assert due.due_at is not None
        now = max(now, due.due_at)
        clock.append(now)
        pinger.send_due()
        assert now < NOON + timedelta(minutes=12)
    assert len(ear.heard) > 4
    assert "500" in Ping.objects.get(signal="success").error


def test_a_start_is_not_told_after_the_end(job: Job, ear: Ear) -> None:
    ended(job)
    noted()
    ear.answers = [(500, {})]  # of the start
    Pinger(lambda: NOON).send_due()
    Pinger(lambda: NOON + MINUTE).send_due()
    assert ear.paths == ["/key/backup/start", "/key/backup"]
    assert "newer" in Ping.objects.get(signal="start").error


def test_a_failing_address_is_logged_once_until_it_answers(
    job: Job, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    pinger = Pinger(lambda: NOON)
    ear.answers = [(500, {})] * 4
    for _ in range(3):
        ended(job)
        noted()
        pinger.send_due()
    said = [line for line in caplog.messages if "nightly" in line]
    assert [("does not arrive" in line, "arrives again" in line) for line in said] == [(True, False), (False, True)]
    assert not any(ear.url in line for line in caplog.messages)


def test_a_ping_that_is_not_configured_any_more_is_dropped(job: Job, ear: Ear) -> None:
    Job.objects.update(ping="gone")
    ended(job)
    noted()
    Pinger(lambda: NOON).send_due()
    assert not ear.heard
    assert "PINGS" in Ping.objects.filter(due_at=None).latest("created_at").error


def test_a_private_address_is_not_pinged(job: Job, ear: Ear, scheduling: Callable[..., None]) -> None:
    scheduling(NOTICE_PRIVATE=False)
    ended(job)
    noted()
    Pinger(lambda: NOON).send_due()
    assert not ear.heard
    assert not Ping.objects.filter(due_at__isnull=False).exists()


def test_the_scheduler_pings_each_minute_while_its_loop_turns(ear: Ear, scheduling: Callable[..., None]) -> None:
    scheduling(PING_SCHEDULER=f"{ear.url}/scheduler", NOTICE_PRIVATE=True)
    pinger = Pinger(lambda: NOON)
    asked = [(0, 0), (30, 30), (60, 60), (120, 60), (180, 180)]  # seconds: now, and the last turn
    told = [
        pinger.tell_of_scheduler(NOON + timedelta(seconds=now), NOON + timedelta(seconds=turned))
        for now, turned in asked
    ]
    assert told == [True, False, True, False, True]
    pinger.send_of_scheduler()
    assert ear.paths == ["/scheduler"]
