"""Changes of jobs: what is armed anew and what is not, what is left of a pause or a deletion, and who did it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from scheduling import store
from scheduling.exceptions import InvalidArguments, InvalidTrigger, StaleJob, UnknownTask
from scheduling.models import Cause, Change, Execution, Job, State, Why
from tests.factories import ECHO, NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def new_job(**columns: Any) -> Job:
    """A Job that is not saved."""
    plain = {"id": "fresh", "name": "Fresh", "task": ECHO, "trigger": "cron", "cron": "*/5 * * * *"}
    return Job(**{**plain, **columns})


def loaded(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def last_change(job_id: str) -> Change:
    return Change.objects.filter(job=job_id).latest("id")


# create


def test_a_new_job_is_armed_for_its_first_moment() -> None:
    job = store.create(new_job(), by="ada", now=NOON, reason="as agreed")
    assert loaded(job).next_run_time == NOON + 5 * MINUTE
    change = last_change("fresh")
    assert (change.action, change.by, change.reason, change.at) == ("created", "ada", "as agreed", NOON)


def test_a_new_interval_is_counted_from_its_creation() -> None:
    job = store.create(new_job(trigger="interval", interval=timedelta(hours=1)), by="ada", now=NOON)
    assert job.next_run_time == NOON + timedelta(hours=1)


def test_a_new_job_that_is_paused_or_manual_is_not_armed() -> None:
    paused = store.create(new_job(id="paused", paused_at=NOON), by="ada", now=NOON)
    manual = store.create(new_job(id="manual", trigger="manual", cron=""), by="ada", now=NOON)
    assert (paused.next_run_time, manual.next_run_time) == (None, None)


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"cron": "61 * * * *"}, InvalidTrigger),
        ({"timezone": "Mars/Olympus"}, InvalidTrigger),
        ({"task": "os.system"}, UnknownTask),
        ({"arguments": {"valeu": 1}}, InvalidArguments),
    ],
)
def test_a_job_that_cannot_run_is_not_created(columns: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        store.create(new_job(**columns), by="ada", now=NOON)
    assert not Job.objects.exists()
    assert not Change.objects.exists()


def test_an_id_is_given_once() -> None:
    store.create(new_job(), by="ada", now=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        store.create(new_job(name="Other"), by="bob", now=NOON)
    assert Job.objects.get().name == "Fresh"


# change


def test_a_change_of_the_trigger_arms_the_job_anew() -> None:
    job = make_job(next_run_time=NOON + 7 * MINUTE)
    job.cron = "0 * * * *"
    assert store.change(job, ["cron"], by="ada", now=NOON)
    after = loaded(job)
    assert (after.next_run_time, after.revision) == (NOON + timedelta(hours=1), 2)


def test_a_change_of_anything_else_leaves_the_next_run_where_it_was() -> None:
    job = make_job(next_run_time=NOON + 7 * MINUTE)
    job.name, job.arguments, job.priority = "New", {"value": 2}, 4
    assert store.change(job, ["name", "arguments", "priority", "cron"], by="ada", now=NOON)
    after = loaded(job)
    assert (after.name, after.arguments, after.priority) == ("New", {"value": 2}, 4)
    assert (after.next_run_time, after.revision) == (NOON + 7 * MINUTE, 1)


def test_a_change_never_writes_back_what_the_engine_has_moved_on() -> None:
    job = make_job()
    store.fire_due(NOON)
    job.name = "New"
    store.change(job, ["name"], by="ada", now=NOON)
    assert loaded(job).next_run_time == NOON + MINUTE


def test_saving_without_a_change_changes_nothing() -> None:
    job = make_job()
    assert not store.change(job, ["name", "cron"], by="ada", now=NOON)
    assert not Change.objects.exists()


def test_a_moment_already_due_is_fired_under_the_old_schedule_first() -> None:
    job = make_job(arguments={"value": "old"})
    job.cron, job.arguments = "0 3 * * *", {"value": "new"}
    store.change(job, ["cron", "arguments"], by="ada", now=NOON + timedelta(seconds=1))
    run = job.executions.get()
    assert (run.scheduled_for, run.arguments) == (NOON, {"value": "old"})
    assert loaded(job).next_run_time == NOON.replace(hour=3) + timedelta(days=1)


def test_an_editor_who_saw_an_older_schedule_is_told_so() -> None:
    job = make_job()
    twin = loaded(job)
    job.cron = "0 * * * *"
    store.change(job, ["cron"], by="ada", now=NOON - MINUTE, seen=1)
    twin.cron = "30 * * * *"
    with pytest.raises(StaleJob):
        store.change(twin, ["cron"], by="bob", now=NOON - MINUTE, seen=1)
    assert loaded(job).cron == "0 * * * *"


def test_an_editor_of_other_fields_need_not_have_seen_the_schedule() -> None:
    job = make_job()
    twin = loaded(job)
    job.cron = "0 * * * *"
    store.change(job, ["cron"], by="ada", now=NOON - MINUTE)
    twin.name = "New"
    assert store.change(twin, ["name"], by="bob", now=NOON - MINUTE, seen=1)
    assert (loaded(job).name, loaded(job).cron) == ("New", "0 * * * *")


def test_a_change_leaves_who_when_why_and_the_old_and_new_values() -> None:
    job = make_job(timeout=MINUTE)
    job.name, job.timeout = "New", 2 * MINUTE
    store.change(job, ["name", "timeout"], by="ada", now=NOON, reason="it takes longer")
    change = last_change(job.pk)
    assert (change.action, change.by, change.at, change.reason) == ("changed", "ada", NOON, "it takes longer")
    assert change.fields["name"][1] == "New"
    assert change.fields["timeout"] == ["P0DT00H01M00S", "P0DT00H02M00S"]


def test_a_bad_change_is_refused_and_leaves_the_job_as_it_was() -> None:
    job = make_job()
    job.cron = "never"
    with pytest.raises(InvalidTrigger):
        store.change(job, ["cron"], by="ada", now=NOON)
    assert loaded(job).cron == "* * * * *"


def test_a_changed_trigger_of_a_paused_job_does_not_arm_it() -> None:
    job = make_job(paused_at=NOON, next_run_time=None)
    job.cron = "0 * * * *"
    store.change(job, ["cron"], by="ada", now=NOON)
    assert loaded(job).next_run_time is None


def test_mending_a_parked_job_lets_it_fire_again() -> None:
    job = make_job(task="tests.workload.tasks.gone")
    store.fire_due(NOON)
    job = loaded(job)
    job.task = ECHO
    store.change(job, ["task"], by="ada", now=NOON)
    after = loaded(job)
    assert (after.parked_reason, after.next_run_time) == ("", NOON + MINUTE)


# pause and resume


def test_a_pause_says_who_when_and_why() -> None:
    job = make_job()
    assert store.pause(job, by="ada", now=NOON - MINUTE, reason="month's end")
    assert (job.paused_at, job.paused_by, job.paused_reason) == (NOON - MINUTE, "ada", "month's end")
    assert loaded(job).next_run_time is None
    assert last_change(job.pk).action == "paused"


def test_a_pause_skips_what_the_schedule_had_queued_and_keeps_what_people_asked_for() -> None:
    job = make_job()
    by_schedule = make_execution(job, why=Why.SCHEDULE, scheduled_for=NOON - MINUTE)
    by_hand, retry = make_execution(job), make_execution(job, why=Why.RETRY)
    store.pause(job, by="ada", now=NOON - timedelta(seconds=1), reason="month's end")
    by_schedule.refresh_from_db()
    assert (by_schedule.state, by_schedule.reason) == (State.SKIPPED, "Paused by ada. month's end")
    assert set(Execution.objects.queued()) == {by_hand, retry}


def test_a_moment_that_was_due_before_the_pause_has_its_row() -> None:
    job = make_job()
    store.pause(job, by="ada", now=NOON + timedelta(seconds=1))
    run = job.executions.get()
    assert (run.scheduled_for, run.state) == (NOON, State.SKIPPED)


def test_the_pause_of_a_paused_job_is_no_pause() -> None:
    job = make_job()
    store.pause(job, by="ada", now=NOON - MINUTE)
    assert not store.pause(job, by="bob", now=NOON)
    assert loaded(job).paused_by == "ada"


def test_a_resumed_job_fires_from_the_next_moment_on() -> None:
    job = make_job()
    store.pause(job, by="ada", now=NOON - MINUTE)
    assert store.resume(job, by="bob", now=NOON + timedelta(seconds=90))
    assert (job.paused_at, job.paused_by, job.paused_reason) == (None, "", "")
    assert loaded(job).next_run_time == NOON + 2 * MINUTE
    assert (last_change(job.pk).action, last_change(job.pk).by) == ("resumed", "bob")


def test_a_job_that_is_not_paused_is_not_resumed() -> None:
    job = make_job()
    assert not store.resume(job, by="ada", now=NOON + MINUTE)
    assert loaded(job).next_run_time == NOON


def test_a_parked_job_stays_parked_when_it_is_resumed() -> None:
    job = make_job(paused_at=NOON, parked_reason="no task", next_run_time=None)
    assert store.resume(job, by="ada", now=NOON)
    assert loaded(job).next_run_time is None


# delete


def test_a_deleted_job_leaves_its_history_and_cancels_what_it_had_queued() -> None:
    job = make_job()
    ended = make_execution(job, state=State.SUCCEEDED, finished_at=NOON)
    waiting = make_execution(job)
    store.delete(job, by="ada", now=NOON, reason="no longer needed")
    ended.refresh_from_db()
    waiting.refresh_from_db()
    assert (ended.state, waiting.state) == (State.SUCCEEDED, State.CANCELLED)
    assert (waiting.reason, waiting.finished_at) == ("Its job was deleted.", NOON)
    change = Change.objects.get(action="deleted")
    assert (change.by, change.reason) == ("ada", "no longer needed")


def test_a_deleted_jobs_running_run_is_asked_to_stop_and_is_not_tried_again() -> None:
    job, worker = make_job(max_attempts=5), make_worker()
    run = make_execution(job, state=State.RUNNING, worker=worker, started_at=NOON)
    store.delete(job, by="ada", now=NOON)
    assert store.cancel_orders(worker.pk) == [(run.pk, "Its job was deleted.")]


# recompute, park, unpark


def test_recomputing_takes_the_job_back_from_a_clock_that_was_wrong() -> None:
    job = make_job(next_run_time=NOON.replace(year=2036), fired_until=NOON.replace(year=2036))
    store.recompute(job, by="ada", now=NOON)
    after = loaded(job)
    assert (after.next_run_time, after.fired_until) == (NOON + MINUTE, NOON)
    assert last_change(job.pk).action == "recomputed"


def test_a_parked_job_does_not_fire_and_says_why() -> None:
    job = make_job()
    store.park(job, "its definition is gone", by="the code", now=NOON)
    store.fire_due(NOON + MINUTE)
    after = loaded(job)
    assert (after.next_run_time, after.parked_reason) == (None, "its definition is gone")
    row = job.executions.get()
    assert (row.state, row.scheduled_for, row.reason) == (State.SKIPPED, NOON, "Parked: its definition is gone")


def test_the_moments_while_a_job_was_parked_have_rows_that_say_so() -> None:
    job = make_job()
    store.park(job, "its definition is gone", by="the code", now=NOON)
    store.unpark(job, by="the code", now=NOON + 3 * MINUTE)
    assert [row.scheduled_for for row in job.executions.order_by("scheduled_for")] == [
        NOON + number * MINUTE for number in range(4)
    ]
    assert set(job.executions.values_list("cause", flat=True)) == {Cause.PARKED}


def test_an_unparked_job_fires_from_the_next_moment_on() -> None:
    job = make_job(parked_reason="no task", next_run_time=None)
    store.unpark(job, by="the code", now=NOON)
    after = loaded(job)
    assert (after.next_run_time, after.parked_reason) == (NOON + MINUTE, "")


def test_a_paused_job_stays_paused_when_it_is_unparked() -> None:
    job = make_job(parked_reason="no task", paused_at=NOON, next_run_time=None)
    store.unpark(job, by="the code", now=NOON)
    assert loaded(job).next_run_time is None


def test_the_moments_of_a_pause_have_rows_that_say_so() -> None:
    job = make_job()
    store.pause(job, by="ada", now=NOON - timedelta(seconds=1), reason="the vendor is down")
    store.resume(job, by="ada", now=NOON + timedelta(minutes=2, seconds=30))
    rows = Execution.objects.order_by("scheduled_for").values_list("scheduled_for", "state", "reason")
    said = "Paused by ada. the vendor is down"
    assert list(rows) == [(NOON + timedelta(minutes=minute), State.SKIPPED, said) for minute in range(3)]


def test_a_long_pause_is_bounded_by_one_row_for_its_older_moments() -> None:
    job = make_job()
    store.pause(job, by="ada", now=NOON - timedelta(seconds=1))
    store.resume(job, by="ada", now=NOON + timedelta(minutes=499, seconds=30))
    rows = Execution.objects.order_by("scheduled_for")
    assert rows.count() == 101
    assert sum(row.missed_count + 1 for row in rows) == 500


def test_creation_and_deletion_leave_all_that_people_decide() -> None:
    job = store.create(
        Job(id="films", name="Films", task=ECHO, trigger="cron", cron="0 2 * * *", arguments={"value": 1}),
        by="ada",
        now=NOON,
    )
    store.delete(job, by="ada", now=NOON)
    deleted, created = Change.objects.filter(job="films")
    assert created.fields["cron"] == [None, "0 2 * * *"]
    assert deleted.fields["arguments"] == [{"value": 1}, None]
    assert "next_run_time" not in created.fields


def test_the_history_of_arguments_keeps_no_secrets() -> None:
    job = make_job()
    job.arguments = {"value": {"api_key": "abc123456789"}}
    store.change(job, ["arguments"], by="ada", now=NOON - timedelta(days=1))
    assert "abc123456789" not in str(Change.objects.get().fields)
