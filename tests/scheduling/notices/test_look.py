"""What is found in the rows, told once, and told to be over: each kind of event, with the time as an argument."""

from datetime import timedelta
from typing import Any

import pytest

from scheduling.models import Cause, Event, Execution, Incident, Notice, State, Why
from scheduling.notices import items
from tests.factories import NOON, make_execution, make_job, make_worker
from tests.scheduling.notices.conftest import HOUR, ended, looked, make_rule, running, titles

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def test_a_failure_is_told_once_however_often_one_looks() -> None:
    make_rule(Event.FAILED)
    run = ended(make_job(id="nightly", name="Nightly backup"), State.FAILED)
    for _ in range(3):
        looked()
    assert titles() == ["Nightly backup failed"]
    line = Notice.objects.get()
    assert "Nightly backup (nightly) failed: ValueError: no luck" in line.text
    assert f"Run #{run.pk}" in line.text
    assert "What to do" in line.text
    assert (line.facts["job"], line.facts["run"], line.facts["error_class"]) == (
        "nightly",
        run.pk,
        "builtins.ValueError",
    )


def test_further_failures_belong_to_the_incident_and_are_not_told() -> None:
    make_rule(Event.FAILED)
    job = make_job()
    for minute in range(5):
        ended(job, State.FAILED, at=NOON + minute * MINUTE)
        looked(NOON + minute * MINUTE)
    assert len(titles()) == 1
    assert Incident.objects.get().count == 5


def test_a_row_that_is_written_late_is_found_all_the_same() -> None:
    """Ids and ends are no order of commits: an earlier end may come to light after a later one was seen."""
    make_rule(Event.FAILED)
    first, second = make_job(), make_job()
    late = make_execution(first, state=State.RUNNING, started_at=NOON - MINUTE, worker=make_worker())
    ended(second, State.FAILED, at=NOON)
    looked(NOON)
    Execution.objects.filter(pk=late.pk).update(state=State.FAILED, finished_at=NOON - timedelta(seconds=30))
    looked(NOON + timedelta(seconds=5), back=MINUTE)
    assert titles() == [f"{second} failed", f"{first} failed"]


def test_a_run_that_is_tried_again_has_not_failed_yet() -> None:
    make_rule(Event.FAILED)
    job = make_job(max_attempts=2)
    first = ended(job, State.FAILED, at=NOON)
    retry = make_execution(job, root=first, attempt=2, why=Why.RETRY)
    looked()
    assert titles() == []
    rows = Execution.objects.filter(pk=retry.pk)
    rows.update(state=State.RUNNING, worker=make_worker(), started_at=NOON)
    rows.update(state=State.FAILED, finished_at=NOON + MINUTE)
    looked(NOON + MINUTE)
    assert titles() == [f"{job} failed"]
    assert "attempt 2 of 2" in Notice.objects.get().text


@pytest.mark.parametrize(
    ("state", "columns", "told"),
    [
        (State.TIMED_OUT, {}, "timed out"),
        (State.LOST, {"reason": "Lost: its worker is gone."}, "was lost"),
        (State.LOST, {"cause": Cause.INTERRUPTED, "reason": "Interrupted"}, "was lost"),
    ],
)
def test_other_bad_ends_are_told_by_their_names(state: State, columns: dict[str, Any], told: str) -> None:
    make_rule(Event.FAILED)
    job = make_job()
    ended(job, state, **columns)
    looked()
    assert titles() == [f"{job} {told}"]


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.CANCELLED, State.SKIPPED])
def test_what_is_no_failure_is_not_told(state: State) -> None:
    make_rule(Event.FAILED, Event.FAILING, Event.RECOVERED)
    ended(make_job(), state)
    looked()
    assert not Incident.objects.exists()


def test_a_recovery_is_told_once_and_the_next_failure_is_a_new_incident() -> None:
    make_rule(Event.FAILED, Event.RECOVERED)
    job = make_job()
    for minute, state in enumerate([State.FAILED, State.SUCCEEDED, State.SUCCEEDED, State.FAILED]):
        ended(job, state, at=NOON + minute * MINUTE)
        looked(NOON + minute * MINUTE)
        looked(NOON + minute * MINUTE)
    assert titles() == [f"{job} failed", f"{job} is well again", f"{job} failed"]
    assert [each.closed_at is None for each in Incident.objects.order_by("id")] == [False, True]


def test_a_failure_and_a_recovery_between_two_looks_are_both_told() -> None:
    make_rule(Event.FAILED, Event.RECOVERED)
    job = make_job()
    ended(job, State.FAILED, at=NOON)
    ended(job, at=NOON + timedelta(seconds=1))
    looked(NOON + timedelta(seconds=5))
    assert titles() == [f"{job} failed", f"{job} is well again"]


def test_a_recovery_is_not_told_to_who_did_not_ask_for_it() -> None:
    make_rule(Event.FAILED)
    job = make_job()
    ended(job, State.FAILED, at=NOON)
    looked(NOON)
    ended(job, at=NOON + MINUTE)
    looked(NOON + MINUTE)
    assert titles() == [f"{job} failed"]
    assert Incident.objects.get().closed_reason.endswith("succeeded.")


def test_a_rule_may_tell_of_recoveries_alone() -> None:
    make_rule(Event.RECOVERED)
    job = make_job()
    ended(job, State.FAILED, at=NOON)
    looked(NOON)
    assert titles() == []
    ended(job, at=NOON + MINUTE)
    looked(NOON + MINUTE)
    assert titles() == [f"{job} is well again"]


def test_failing_several_times_in_a_row_is_told_at_that_time() -> None:
    make_rule(Event.FAILING, in_a_row=3)
    job = make_job()
    states = [State.FAILED, State.FAILED, State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.FAILED, State.FAILED]
    told = []
    for minute, state in enumerate(states):
        ended(job, state, at=NOON + minute * MINUTE)
        looked(NOON + minute * MINUTE)
        told.append(len(titles()))
    assert told == [0, 0, 0, 0, 0, 1, 1]
    assert titles() == [f"{job} keeps failing"]


def test_attempts_of_one_run_count_once_in_a_row() -> None:
    make_rule(Event.FAILING, in_a_row=2)
    job = make_job(max_attempts=3)
    first = ended(job, State.FAILED, at=NOON)
    ended(job, State.FAILED, at=NOON + MINUTE, root=first, attempt=2, why=Why.RETRY)
    ended(job, State.FAILED, at=NOON + 2 * MINUTE, root=first, attempt=3, why=Why.RETRY)
    looked(NOON + 2 * MINUTE)
    assert titles() == []
    ended(job, State.FAILED, at=NOON + 3 * MINUTE)
    looked(NOON + 3 * MINUTE)
    assert titles() == [f"{job} keeps failing"]


def test_a_missed_moment_is_told_with_its_reason_and_closed_by_the_next_run() -> None:
    make_rule(Event.MISSED, Event.RECOVERED, timezone="Europe/Berlin")
    job = make_job()
    reason = "Missed: no scheduler was running."
    missed: dict[str, Any] = {"cause": Cause.MISSED, "reason": reason, "missed_count": 2}
    ended(job, State.SKIPPED, at=NOON + MINUTE, scheduled_for=NOON, started_at=None, **missed)
    looked(NOON + MINUTE)
    assert titles() == [f"{job} was missed"]
    assert "did not run at 2026-03-02 13:00:00 CET. Missed: no scheduler was running. 3 moments in all." in (
        Notice.objects.get().text
    )
    running(job, since=NOON + 2 * MINUTE)
    looked(NOON + 2 * MINUTE)
    assert titles()[1:] == [f"{job} is well again"]


def test_a_moment_that_a_pause_skipped_is_not_missed() -> None:
    make_rule(Event.MISSED)
    ended(make_job(), State.SKIPPED, scheduled_for=NOON, started_at=None, cause=Cause.PAUSED, reason="Paused.")
    looked()
    assert titles() == []


@pytest.mark.parametrize(
    ("late", "jitter", "told"),
    [(timedelta(minutes=6), None, 1), (timedelta(minutes=4), None, 0), (timedelta(minutes=6), 2 * MINUTE, 0)],
)
def test_a_late_start_is_told_from_the_limit_on_and_jitter_is_none(
    late: timedelta, jitter: timedelta | None, told: int
) -> None:
    make_rule(Event.LATE, late_by=5 * MINUTE)
    running(make_job(jitter=jitter), since=NOON, scheduled_for=NOON - late)
    looked()
    assert len(titles()) == told


def test_what_still_waits_is_told_to_be_late_and_the_next_on_time_ends_it() -> None:
    make_rule(Event.LATE, Event.RECOVERED, late_by=5 * MINUTE)
    job = make_job()
    make_execution(job, scheduled_for=NOON, run_after=NOON)
    looked(NOON + 5 * MINUTE)
    assert titles() == []
    looked(NOON + 6 * MINUTE)
    assert titles() == [f"{job} is late"]
    assert "waits to start, 6 min late by now" in Notice.objects.get().text
    running(job, since=NOON + 7 * MINUTE, scheduled_for=NOON + 7 * MINUTE)
    looked(NOON + 7 * MINUTE)
    assert titles()[1:] == [f"{job} is well again"]


def test_a_run_longer_than_the_limit_is_told_while_it_goes_on() -> None:
    make_rule(Event.LONG, Event.RECOVERED, longer_than=10 * MINUTE)
    job = make_job()
    run = running(job, since=NOON)
    looked(NOON + 10 * MINUTE)
    assert titles() == []
    looked(NOON + 11 * MINUTE)
    looked(NOON + 12 * MINUTE)
    assert titles() == [f"{job} takes too long"]
    assert "has been running for 11 min; the rule allows 10 min" in Notice.objects.get().text
    Execution.objects.filter(pk=run.pk).update(state=State.SUCCEEDED, finished_at=NOON + 13 * MINUTE)
    looked(NOON + 13 * MINUTE)
    assert titles()[1:] == [f"{job} is well again"]
    assert "succeeded, after 13 min" in Notice.objects.latest("id").text


def test_longer_than_usual_is_learned_and_told_while_it_goes_on() -> None:
    make_rule(Event.LONG)
    job = make_job(max_instances=2)
    for number in range(12):
        ended(job, at=NOON - (20 - number) * HOUR, took=100 + number)
    running(job, since=NOON, instance=1)
    looked(NOON + 3 * MINUTE)
    assert titles() == []
    looked(NOON + 4 * MINUTE)
    assert titles() == [f"{job} takes too long"]
    assert "1 min 46 s is usual" in Notice.objects.get().text


def test_nothing_is_usual_before_there_are_enough_runs() -> None:
    make_rule(Event.LONG)
    job = make_job()
    for number in range(9):
        ended(job, at=NOON - (20 - number) * HOUR, took=1)
    running(job, since=NOON)
    looked(NOON + HOUR)
    assert titles() == []


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """How many items each run has done, as an app would know it."""
    known: dict[int, int] = {}
    monkeypatch.setattr(items, "_counters", [lambda runs: {run: known[run] for run in runs if run in known}])
    return known


def test_a_success_with_nothing_done_is_told_and_one_item_ends_it(counted: dict[int, int]) -> None:
    make_rule(Event.EMPTY, Event.RECOVERED)
    job, silent = make_job(), make_job()
    ended(silent)  # says nothing of items: not judged
    counted[ended(job).pk] = 0
    looked()
    assert titles() == [f"{job} succeeded with nothing done"]
    counted[ended(job, at=NOON + MINUTE).pk] = 1
    looked(NOON + MINUTE)
    assert titles()[1:] == [f"{job} is well again"]


def test_far_less_than_usual_is_told(counted: dict[int, int]) -> None:
    make_rule(Event.FEW)
    job = make_job()
    for number in range(20):
        counted[ended(job, at=NOON - (30 - number) * HOUR).pk] = 1000 + number
    counted[ended(job, at=NOON).pk] = 900
    looked(NOON)
    assert titles() == []
    counted[ended(job, at=NOON + MINUTE).pk] = 100
    looked(NOON + MINUTE)
    assert titles() == [f"{job} did far less than usual"]
    assert "did 100 items; 1,00" in Notice.objects.get().text


def test_no_scheduler_alive_is_told_once_and_so_is_its_end() -> None:
    rule = make_rule(Event.SILENT, silent_for=timedelta(seconds=30))
    worker = make_worker(turned_at=NOON, heartbeat_at=NOON)
    for seconds in (1, 29, 30, 60, 600):
        looked(NOON + timedelta(seconds=seconds))
    assert titles() == ["No scheduler is alive"]
    assert "since 2026-03-02 12:00:00 UTC" in Notice.objects.get().text
    now = NOON + timedelta(seconds=700)
    type(worker).objects.update(turned_at=now, heartbeat_at=now)
    looked(now)
    looked(now)
    assert titles() == ["No scheduler is alive", "A scheduler is alive again"]
    assert Incident.objects.get().rule == rule


def test_a_loop_that_stalls_while_its_heart_beats_is_not_alive() -> None:
    make_rule(Event.SILENT, silent_for=timedelta(seconds=30))
    now = NOON + timedelta(minutes=5)
    make_worker(turned_at=NOON, heartbeat_at=now)
    looked(now)
    assert titles() == ["No scheduler is alive"]


# Which rule, which job
