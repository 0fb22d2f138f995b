"""What is found in the rows, told once, and told to be over: each kind of event, with the time as an argument."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest

from scheduling.models import Cause, Event, Execution, Incident, Notice, NoticeRule, Sighting, State, Why
from scheduling.notices import items
from tests.factories import NOON, make_execution, make_job, make_worker
from tests.scheduling.notices.conftest import HOUR, ended, looked, make_rule, running

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def titles() -> list[str]:
    return list(Notice.objects.order_by("id").values_list("title", flat=True))


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


def test_a_rule_is_about_its_jobs_and_tags_only() -> None:
    make_rule(Event.FAILED, jobs=["one"], tags=["nightly"])
    for id, tags in (("one", []), ("two", ["nightly", "x"]), ("three", ["x"])):
        ended(make_job(id=id, name=id, tags=tags), State.FAILED)
    ended(None, State.FAILED)
    looked()
    assert sorted(titles()) == ["one failed", "two failed"]


def test_a_rule_about_everything_is_about_runs_without_a_job_too() -> None:
    make_rule(Event.FAILED)
    ended(None, State.FAILED)
    ended(None, State.FAILED)
    looked()
    assert titles() == ["tests.workload.tasks.echo failed"]
    assert Incident.objects.get().count == 2


def test_what_was_before_the_rule_is_not_told() -> None:
    make_rule(Event.FAILED, since=NOON)
    ended(make_job(), State.FAILED, at=NOON - MINUTE)
    looked()
    assert titles() == []


def test_a_disabled_rule_tells_nothing_and_its_incidents_end_unsaid() -> None:
    rule = make_rule(Event.FAILED, Event.RECOVERED)
    ended(make_job(), State.FAILED)
    looked()
    NoticeRule.objects.filter(pk=rule.pk).update(enabled=False)
    ended(make_job(), State.FAILED)
    looked(NOON + MINUTE)
    assert len(titles()) == 1
    assert Incident.objects.get().closed_reason == "The rule was switched off."


@pytest.mark.parametrize("change", [{"events": ["missed"]}, {"jobs": ["another"]}])
def test_a_changed_rule_gives_up_what_it_does_not_mind_any_more(change: dict[str, list[str]]) -> None:
    rule = make_rule(Event.FAILED)
    ended(make_job(), State.FAILED)
    looked()
    NoticeRule.objects.filter(pk=rule.pk).update(**change)
    looked(NOON + MINUTE)
    assert Incident.objects.get().closed_reason == "The rule was changed."


def test_the_incident_of_a_deleted_job_ends_unsaid() -> None:
    make_rule(Event.FAILED, Event.RECOVERED)
    job = make_job()
    ended(job, State.FAILED)
    looked()
    job.delete()
    looked(NOON + MINUTE)
    assert Incident.objects.get().closed_reason == "The job was deleted."
    assert len(titles()) == 1


# How often, when, to whom


def test_each_channel_of_a_rule_gets_its_line() -> None:
    make_rule(Event.FAILED, channels=["ops", "mail"])
    ended(make_job(), State.FAILED)
    looked()
    assert list(Notice.objects.order_by("id").values_list("channel", flat=True)) == ["ops", "mail"]


def test_it_is_told_again_only_where_that_is_asked_for() -> None:
    make_rule(Event.FAILED, repeat_after=HOUR)
    job = make_job()
    ended(job, State.FAILED)
    looked()
    looked(NOON + timedelta(minutes=59))
    assert len(titles()) == 1
    looked(NOON + HOUR)
    looked(NOON + HOUR + MINUTE)
    assert titles() == [f"{job} failed", f"{job} still failed"]
    looked(NOON + 2 * HOUR)
    assert len(titles()) == 3


@pytest.mark.parametrize("column", ["acknowledged_at", "muted_until"])
def test_what_somebody_sees_to_is_not_told_again(column: str) -> None:
    make_rule(Event.FAILED, repeat_after=HOUR)
    ended(make_job(), State.FAILED)
    looked()
    Incident.objects.update(**{column: NOON + 2 * HOUR})
    looked(NOON + HOUR)
    assert len(titles()) == 1


def test_the_end_of_a_muted_incident_is_not_told_but_that_of_an_acknowledged_one_is() -> None:
    make_rule(Event.FAILED, Event.RECOVERED)
    muted, seen = make_job(id="muted"), make_job(id="seen")
    for job in (muted, seen):
        ended(job, State.FAILED)
    looked()
    Incident.objects.filter(subject="job:muted").update(muted_until=NOON + HOUR)
    Incident.objects.filter(subject="job:seen").update(acknowledged_at=NOON)
    for job in (muted, seen):
        ended(job, at=NOON + MINUTE)
    looked(NOON + MINUTE)
    assert titles()[2:] == [f"{seen} is well again"]


def test_a_line_in_the_quiet_hours_is_due_at_their_end() -> None:
    make_rule(Event.FAILED, quiet_from=time(12), quiet_until=time(7), timezone="Europe/Berlin")
    ended(make_job(), State.FAILED)
    looked()
    assert Notice.objects.get().due_at == datetime.fromisoformat("2026-03-03T06:00:00Z")


@pytest.mark.parametrize(("breaks", "hours"), [(True, 0), (False, 18)])
def test_no_scheduler_may_break_the_quiet(breaks: bool, hours: int) -> None:
    make_rule(Event.SILENT, quiet_from=time(12), quiet_until=time(6), silent_breaks_quiet=breaks)
    looked()
    assert Notice.objects.get().due_at - NOON in (hours * HOUR, hours * HOUR + timedelta(seconds=10))


def test_secrets_of_an_error_are_taken_out() -> None:
    make_rule(Event.FAILED)
    ended(make_job(), State.FAILED, error_message="401 for https://x.org/?api_key=abcdef0123456789", error_class="E")
    looked()
    line = Notice.objects.get()
    assert "401 for" in line.text
    assert "abcdef0123456789" not in f"{line.text}{line.facts}{Incident.objects.get().summary}"


def test_a_run_that_is_pruned_takes_its_sightings_along_and_its_incident_stays() -> None:
    make_rule(Event.FAILED, Event.RECOVERED)
    job = make_job()
    ended(job, State.FAILED)
    looked()
    Execution.objects.all().delete()
    assert not Sighting.objects.exists()
    ended(job, at=NOON + MINUTE)
    looked(NOON + MINUTE)
    assert titles() == [f"{job} failed", f"{job} is well again"]
