"""fire: each due moment becomes one Execution, or one row that says why it will not run."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, transaction

from scheduling import store
from scheduling.models import Backfill, Calendar, Cause, Execution, Job, Overlap, State, Why, Window, WorkerState
from scheduling.planning import PUNCTUAL
from scheduling.store.fire import fire
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def states(job: Job) -> list[str]:
    """The states of the rows of `job`, in the order of their moments."""
    return list(job.executions.order_by("scheduled_for").values_list("state", flat=True))


def reasons(job: Job) -> list[str]:
    return list(job.executions.order_by("scheduled_for").values_list("reason", flat=True))


def moved(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def going(job: Job, **columns: object) -> Execution:
    """A run of `job` that has started."""
    running = {"state": State.RUNNING, "worker": make_worker(), "started_at": NOON - MINUTE, "instance": 0}
    return make_execution(job, **{**running, **columns})


def test_a_due_moment_becomes_a_queued_run_with_the_jobs_snapshot() -> None:
    job = make_job(arguments={"value": 7}, priority=5, queue="light", max_attempts=3, timeout=MINUTE)
    store.fire_due(NOON)
    run = job.executions.get()
    assert (run.state, run.why, run.scheduled_for, run.run_after) == (State.QUEUED, Why.SCHEDULE, NOON, NOON)
    assert (run.task, run.arguments, run.priority, run.queue) == (job.task, {"value": 7}, 5, "light")
    assert (run.max_attempts, run.timeout, run.max_instances) == (3, MINUTE, 1)
    assert run.start_deadline == NOON + timedelta(minutes=15)


def test_a_moment_is_not_fired_before_it_is_due() -> None:
    job = make_job()
    store.fire_due(NOON - timedelta(microseconds=1))
    assert states(job) == []


def test_a_due_moment_fires_once_whoever_asks() -> None:
    job = make_job()
    store.fire_due(NOON)
    store.fire_due(NOON)
    assert states(job) == [State.QUEUED]


def test_of_two_who_saw_the_same_moment_the_second_is_refused() -> None:
    job = make_job()
    twin = Job.objects.get(pk=job.pk)
    fire([job], NOON)
    with pytest.raises(OperationalError), transaction.atomic():
        fire([twin], NOON)
    assert states(job) == [State.QUEUED]


def test_a_moment_that_has_a_row_gets_no_second_one() -> None:
    job = make_job()
    earlier = make_execution(job, why=Why.SCHEDULE, scheduled_for=NOON)
    store.fire_due(NOON)
    assert list(job.executions.all()) == [earlier]
    assert moved(job).next_run_time == NOON + MINUTE


def test_the_next_moment_is_counted_from_the_moment_not_from_now() -> None:
    job = make_job(trigger="interval", interval=timedelta(minutes=10), anchored_at=NOON)
    store.fire_due(NOON + timedelta(minutes=7))
    assert moved(job).next_run_time == NOON + timedelta(minutes=10)


def test_a_job_remembers_up_to_where_its_moments_have_rows() -> None:
    job = make_job()
    store.fire_due(NOON + 3 * MINUTE)
    assert moved(job).fired_until == NOON + 3 * MINUTE


def test_of_several_missed_moments_only_the_latest_is_made_up_for() -> None:
    job = make_job(coalesce=True)
    store.fire_due(NOON + 2 * MINUTE)
    assert states(job) == [State.SKIPPED, State.SKIPPED, State.QUEUED]
    assert reasons(job)[0] == "Coalesced into the run of 2026-03-02 12:02:00 UTC."
    assert all(row.finished_at for row in job.executions.filter(state=State.SKIPPED))


def test_without_coalescing_each_missed_moment_is_made_up_for() -> None:
    job = make_job(coalesce=False, overlap=Overlap.QUEUE_ALL)
    store.fire_due(NOON + 2 * MINUTE)
    assert states(job) == [State.QUEUED] * 3


def test_a_moment_beyond_its_misfire_grace_time_is_missed_and_says_by_how_much() -> None:
    make_worker(started_at=NOON - MINUTE, turned_at=NOON + 2 * MINUTE)
    job = make_job(misfire_grace_time=timedelta(seconds=90), coalesce=False, overlap=Overlap.QUEUE_ALL)
    store.fire_due(NOON + 2 * MINUTE)
    assert states(job) == [State.SKIPPED, State.QUEUED, State.QUEUED]
    missed, late, on_time = job.executions.order_by("scheduled_for")
    assert missed.reason == "Missed: noticed 2 min late. It may start at most 1 min 30 s late."
    assert (late.cause, late.reason) == (Cause.LATE, "Late: noticed 1 min late.")
    assert (on_time.cause, on_time.reason) == ("", "")


def test_a_job_that_makes_up_for_nothing_runs_on_time_only() -> None:
    strict = timedelta()
    punctual = make_job(misfire_grace_time=strict)
    late = make_job(misfire_grace_time=strict, cron="* * * * * *", next_run_time=NOON - PUNCTUAL)
    store.fire_due(NOON + timedelta(seconds=1))
    assert states(punctual) == [State.QUEUED]
    oldest = late.executions.order_by("scheduled_for")[0]
    assert oldest.cause == Cause.MISSED
    assert oldest.reason.endswith("It may start on time only.")


OUTAGES: list[tuple[list[dict[str, Any]], str]] = [
    ([], "no scheduler had been started before 2026-03-02 12:30:00 UTC"),
    (
        [{"started_at": NOON - HOUR, "turned_at": NOON - MINUTE, "state": WorkerState.STOPPED}],
        "no scheduler was running from 2026-03-02 11:59:00 UTC to 2026-03-02 12:30:00 UTC",
    ),
    (
        [
            {"started_at": NOON - HOUR, "turned_at": NOON - MINUTE, "state": WorkerState.DEAD},
            {"started_at": NOON + 29 * MINUTE, "turned_at": NOON + 29 * MINUTE},
        ],
        "no scheduler was running from 2026-03-02 11:59:00 UTC to 2026-03-02 12:29:00 UTC",
    ),
    (
        [{"started_at": NOON - HOUR, "turned_at": NOON - MINUTE}],
        "no scheduler got to it from 2026-03-02 11:59:00 UTC to 2026-03-02 12:30:00 UTC: "
        "the database did not answer, or the machine stood still",
    ),
]


@pytest.mark.parametrize(("workers", "said"), OUTAGES)
def test_what_was_missed_in_an_outage_says_from_when_to_when(workers: list[dict[str, Any]], said: str) -> None:
    for worker in workers:
        make_worker(**worker)
    job = make_job(cron="0 * * * *")
    store.fire_due(NOON + 30 * MINUTE)
    row = job.executions.get()
    assert (row.cause, row.reason) == (
        Cause.MISSED,
        f"Missed: noticed 30 min late, since {said}. It may start at most 15 min late.",
    )


def test_what_a_calendar_excludes_is_skipped_and_the_one_before_runs() -> None:
    Window.objects.create(
        calendar=Calendar.objects.create(id="ops", name="Ops"), name="Backup", start_at=NOON, end_at=NOON + HOUR
    )
    job = make_job(calendars=["ops"], next_run_time=NOON - MINUTE)
    store.fire_due(NOON + MINUTE)
    before, *closed = job.executions.order_by("scheduled_for")
    assert before.state == State.QUEUED
    assert [row.cause for row in closed] == [Cause.CALENDAR] * 2
    assert "Backup" in closed[0].reason


def test_an_overlap_that_cancels_leaves_nothing_else_waiting() -> None:
    job = make_job(overlap=Overlap.CANCEL)
    waiting = make_execution(job, why=Why.SCHEDULE, scheduled_for=NOON - MINUTE)
    by_hand = make_execution(job)
    store.fire_due(NOON)
    waiting.refresh_from_db()
    by_hand.refresh_from_db()
    assert (waiting.state, waiting.cause) == (State.SKIPPED, Cause.OVERLAP)
    assert by_hand.state == State.QUEUED


def test_a_backfill_that_runs_keeps_no_moment_from_running() -> None:
    job = make_job(overlap=Overlap.SKIP)
    backfill = Backfill.objects.create(job=job, first_at=NOON - HOUR, last_at=NOON - MINUTE)
    make_execution(job, why=Why.BACKFILL, backfill=backfill, stands_for=NOON - HOUR)
    store.fire_due(NOON)
    assert job.executions.get(scheduled_for=NOON).state == State.QUEUED


def test_without_misfire_grace_time_a_run_may_start_however_late() -> None:
    job = make_job(misfire_grace_time=None, trigger="date", run_at=NOON)
    store.fire_due(NOON + timedelta(days=400))
    run = job.executions.get()
    assert (run.state, run.start_deadline) == (State.QUEUED, None)


def test_beyond_a_hundred_moments_one_row_stands_for_the_older_ones() -> None:
    job = make_job(misfire_grace_time=None, coalesce=False, overlap=Overlap.QUEUE_ALL)
    store.fire_due(NOON + 249 * MINUTE)
    rows = list(job.executions.order_by("scheduled_for"))
    assert len(rows) == 101
    assert (rows[0].state, rows[0].scheduled_for, rows[0].missed_count) == (State.SKIPPED, NOON, 149)
    assert rows[0].reason == (
        "Missed: 150 moments from 2026-03-02 12:00:00 UTC until before 2026-03-02 14:30:00 UTC. "
        "No scheduler had been started before 2026-03-02 16:09:00 UTC. A backfill can run them."
    )
    assert rows[1].scheduled_for == NOON + 150 * MINUTE
    assert sum(row.missed_count + 1 for row in rows) == 250
    assert moved(job).next_run_time == NOON + 250 * MINUTE


def test_a_year_of_missed_seconds_costs_as_little_as_an_hour() -> None:
    job = make_job(cron="* * * * * *")
    store.fire_due(NOON + timedelta(days=365))
    counted = sum(row.missed_count + 1 for row in job.executions.all())
    assert counted == 365 * 86_400 + 1
    assert job.executions.count() == 101


def test_overlap_skip_skips_a_moment_while_an_earlier_run_goes() -> None:
    job = make_job(overlap=Overlap.SKIP)
    earlier = going(job)
    store.fire_due(NOON)
    row = job.executions.get(scheduled_for=NOON)
    assert (row.state, row.reason) == (
        State.SKIPPED,
        f"Overlap: an earlier run was still going (#{earlier.pk}).",
    )


def test_overlap_skip_leaves_room_for_max_instances() -> None:
    job = make_job(overlap=Overlap.SKIP, max_instances=2)
    going(job)
    store.fire_due(NOON)
    assert job.executions.get(scheduled_for=NOON).state == State.QUEUED


def test_overlap_queue_one_lets_one_wait_and_skips_the_next() -> None:
    job = make_job(overlap=Overlap.QUEUE_ONE)
    going(job)
    store.fire_due(NOON)
    store.fire_due(NOON + MINUTE)
    first, second = job.executions.exclude(scheduled_for=None).order_by("scheduled_for")
    assert (first.state, second.state) == (State.QUEUED, State.SKIPPED)
    assert second.reason.startswith("Overlap: an earlier run was still waiting")


def test_overlap_queue_all_lets_every_moment_wait() -> None:
    job = make_job(overlap=Overlap.QUEUE_ALL)
    going(job)
    store.fire_due(NOON)
    store.fire_due(NOON + MINUTE)
    assert job.executions.filter(state=State.QUEUED).count() == 2


def test_overlap_cancel_asks_the_running_one_to_stop() -> None:
    job = make_job(overlap=Overlap.CANCEL)
    earlier = going(job)
    store.fire_due(NOON)
    earlier.refresh_from_db()
    assert earlier.cancel_requested_at == NOON
    assert earlier.reason == "The next run of its job was due (overlap: cancel)."
    assert job.executions.get(scheduled_for=NOON).state == State.QUEUED


def test_overlap_cancel_leaves_the_running_one_alone_when_the_moment_is_missed() -> None:
    job = make_job(overlap=Overlap.CANCEL, trigger="date", run_at=NOON)
    earlier = going(job)
    store.fire_due(NOON + timedelta(hours=1))
    earlier.refresh_from_db()
    assert earlier.cancel_requested_at is None


def test_a_retry_that_waits_for_its_time_does_not_count_as_an_earlier_run() -> None:
    job = make_job(overlap=Overlap.SKIP)
    make_execution(job, why=Why.RETRY, attempt=2, root_id=99, run_after=NOON + timedelta(hours=1))
    store.fire_due(NOON)
    assert job.executions.get(scheduled_for=NOON).state == State.QUEUED


def test_a_job_whose_task_is_unknown_is_parked_while_the_others_fire() -> None:
    gone = make_job(task="tests.workload.tasks.gone")
    well = make_job()
    fired = store.fire_due(NOON)
    assert states(well) == [State.QUEUED]
    assert list(fired.parked) == [gone.pk]
    parked = moved(gone)
    assert parked.next_run_time is None
    assert parked.parked_reason == ("No task 'tests.workload.tasks.gone' is registered in the installed apps.")


def test_a_job_whose_trigger_is_invalid_is_parked_while_the_others_fire() -> None:
    bad = make_job(cron="99 * * * *")
    lost = make_job(timezone="Atlantis/Poseidonis")
    well = make_job()
    fired = store.fire_due(NOON)
    assert states(well) == [State.QUEUED]
    assert set(fired.parked) == {bad.pk, lost.pk}
    assert moved(bad).next_run_time is None


@pytest.mark.parametrize(
    "columns",
    [
        {"misfire_grace_time": timedelta(days=99_999_999)},
        {"jitter": timedelta(days=99_999_999)},
    ],
)
def test_a_span_beyond_all_calendars_does_not_stop_the_others(columns: dict[str, timedelta]) -> None:
    make_job(**columns)
    well = make_job()
    store.fire_due(NOON)
    assert states(well) == [State.QUEUED]


def test_a_date_trigger_is_spent_after_its_moment() -> None:
    job = make_job(trigger="date", run_at=NOON)
    store.fire_due(NOON)
    assert states(job) == [State.QUEUED]
    assert moved(job).next_run_time is None


def test_a_paused_job_never_fires() -> None:
    job = make_job()
    store.pause(job, by="ada", now=NOON - MINUTE)
    store.fire_due(NOON + timedelta(hours=1))
    assert states(job) == []


def test_jitter_delays_the_start_and_never_moves_the_moment() -> None:
    job = make_job(jitter=timedelta(minutes=10))
    store.fire_due(NOON)
    run = job.executions.get()
    assert run.scheduled_for == NOON
    assert NOON <= run.run_after <= NOON + timedelta(minutes=10)
    assert run.start_deadline == NOON + timedelta(minutes=25)
    assert moved(job).next_run_time == NOON + MINUTE


def test_jitter_spreads_the_starts() -> None:
    jobs = [make_job(jitter=timedelta(hours=1)) for _ in range(10)]
    store.fire_due(NOON)
    assert len({job.executions.get().run_after for job in jobs}) > 1


def test_a_thousand_jobs_fire_in_a_handful_of_queries(django_assert_max_num_queries: object) -> None:
    Job.objects.bulk_create(
        Job(
            id=f"many-{n}",
            name="Many",
            task="tests.workload.tasks.echo",
            trigger="cron",
            cron="* * * * *",
            next_run_time=NOON,
        )
        for n in range(1000)
    )
    with django_assert_max_num_queries(20):  # type: ignore[operator]
        fired = store.fire_due(NOON)
    assert fired.full
    assert Execution.objects.queued().count() == 1000


def test_what_waited_past_its_start_deadline_is_skipped_and_says_so() -> None:
    late = make_execution(start_deadline=NOON)
    in_time = make_execution(start_deadline=NOON + MINUTE)
    skipped = store.skip_overdue(NOON)
    assert [(row.pk, row.state) for row in skipped] == [(late.pk, State.SKIPPED)]
    assert skipped[0].reason.startswith("Missed: no place was free")
    late.refresh_from_db()
    in_time.refresh_from_db()
    assert (late.state, late.reason, late.finished_at) == (State.SKIPPED, skipped[0].reason, NOON)
    assert in_time.state == State.QUEUED
