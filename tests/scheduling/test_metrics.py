"""What Prometheus reads: how things stand, the sums of all workers, in both formats."""

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from scheduling import store
from scheduling.metrics import exposition
from scheduling.models import Queue, State, Worker, WorkerState
from scheduling.store.figures import GIVEN, OWN
from scheduling.tally import Tally, as_rows
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def value(name: str, **labels: str) -> float | None:
    """The sample of that name and labels, as of noon; None if there is none."""
    body, _ = exposition("", NOON)
    found = [
        sample.value
        for family in read_text(body.decode())
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) < 2
    return found[0] if found else None


def with_figures(*counted: Tally, **columns: Any) -> Worker:
    own, *given = [as_rows(each.take()) for each in counted]
    return make_worker(figures={OWN: own, **({GIVEN: given[0]} if given else {})}, **columns)


def runs(number: int, state: str = "succeeded", cause: str = "") -> Tally:
    tally = Tally()
    tally.count("runs", "films", "tasks.films", state, cause, by=number)
    return tally


def test_runs_are_summed_over_living_and_ended_workers_and_what_they_were_given() -> None:
    with_figures(runs(1), runs(2))
    with_figures(runs(4), state=WorkerState.DEAD, stopped_at=NOON)
    labels = {"job": "films", "task": "tasks.films", "state": "succeeded", "cause": ""}
    assert value("rota_runs_total", **labels) == 7


def test_a_skipped_moment_says_why() -> None:
    with_figures(runs(3, "skipped", "overlap"), runs(1, "skipped", "missed"))
    assert value("rota_runs_total", state="skipped", cause="overlap") == 3


def test_a_job_that_never_failed_says_so_with_a_zero() -> None:
    make_job(id="quiet")
    with_figures(runs(1))
    for state in ("failed", "timed_out", "lost"):
        assert value("rota_runs_total", job="quiet", state=state) == 0
        assert value("rota_runs_total", job="films", state=state) == 0
    assert value("rota_runs_total", job="quiet", state="skipped", cause="missed") == 0
    assert value("rota_database_errors_total", where="loop") == 0


def test_a_histogram_counts_up_from_bucket_to_bucket() -> None:
    first, second = Tally(), Tally()
    for seconds in (0.05, 4, 4000, 10**6):
        first.observe("duration", seconds, "light")
    second.observe("duration", 3, "light")
    with_figures(first, second)
    counts = [
        value("rota_run_duration_seconds_bucket", queue="light", le=le) for le in ("0.1", "5.0", "3600.0", "+Inf")
    ]
    assert counts == [1, 3, 3, 5]
    assert value("rota_run_duration_seconds_count", queue="light") == 5
    assert value("rota_run_duration_seconds_sum", queue="light") == pytest.approx(1_004_007.05)


def test_a_limit_that_another_version_had_counts_in_the_next_one() -> None:
    make_worker(figures={OWN: [["duration", "light", "2", 3], ["duration_sum", "light", 4.5]]})
    assert value("rota_run_duration_seconds_bucket", queue="light", le="1.0") == 0
    assert value("rota_run_duration_seconds_bucket", queue="light", le="5.0") == 3


def test_what_has_no_labels_is_there_before_anything_happened() -> None:
    assert value("rota_loop_failed_turns_total") == 0
    assert value("rota_loop_turn_seconds_count") == 0


def test_the_depth_of_a_queue_tells_what_may_start_from_what_waits_for_its_time() -> None:
    worker = make_worker()
    make_execution(run_after=NOON - 90 * SECOND)
    make_execution(run_after=NOON)
    make_execution(run_after=NOON + SECOND)
    make_execution(state=State.RUNNING, worker=worker, started_at=NOON)
    depth = {state: value("rota_queue_runs", queue="default", state=state) for state in ("due", "later", "running")}
    assert depth == {"due": 2, "later": 1, "running": 1}
    assert value("rota_queue_oldest_due_seconds", queue="default") == 90
    assert value("rota_queue_runs", queue="light", state="due") == 0


def test_what_waits_for_its_time_is_not_old() -> None:
    make_execution(run_after=NOON + SECOND)
    assert value("rota_queue_oldest_due_seconds", queue="default") == 0


def test_slots_are_those_of_the_workers_at_work() -> None:
    make_worker(queues={"default": 4, "light": 2})
    make_worker(queues={"default": 3})
    make_worker(queues={"default": 50}, state=WorkerState.STOPPED, stopped_at=NOON)
    make_worker(queues={"default": 70}, heartbeat_at=NOON - 60 * SECOND)
    assert value("rota_queue_slots", queue="default") == 7
    assert value("rota_queue_slots", queue="light") == 2


def test_paused_queues_and_jobs_show() -> None:
    store.pause_queue(Queue.objects.create(name="light"), by="ada", now=NOON)
    store.pause(make_job(next_run_time=NOON + SECOND), by="ada", now=NOON)
    make_job(parked_reason="its task is gone", next_run_time=None)
    make_job()
    assert value("rota_queue_paused", queue="light") == 1
    assert value("rota_queue_paused", queue="default") == 0
    assert [value("rota_jobs", state=state) for state in ("armed", "paused", "parked")] == [1, 1, 1]


def test_a_worker_whose_loop_stands_still_is_told_from_one_at_work() -> None:
    make_worker(turned_at=NOON)
    make_worker(turned_at=NOON - 600 * SECOND)
    make_worker(heartbeat_at=NOON - 600 * SECOND)
    make_worker(state=WorkerState.STOPPING)
    states = {state: value("rota_workers", state=state) for state in ("alive", "stalled", "silent", "stopping")}
    assert states == {"alive": 1, "stalled": 1, "silent": 1, "stopping": 1}


def test_the_last_turn_is_the_latest_of_all_and_outlives_its_worker() -> None:
    assert value("rota_loop_last_turn_seconds") is None
    make_worker(turned_at=NOON - 30 * SECOND, state=WorkerState.STOPPED, stopped_at=NOON)
    make_worker(turned_at=NOON - 700 * SECOND)
    assert value("rota_loop_last_turn_seconds") == 30


def test_a_due_moment_that_nobody_took_shows_as_lag() -> None:
    make_job(next_run_time=NOON + SECOND)
    assert value("rota_next_due_lag_seconds") == 0
    make_job(next_run_time=NOON - 5 * SECOND)
    assert value("rota_next_due_lag_seconds") == 5


def test_the_moments_of_a_paused_queue_are_no_lag() -> None:
    Queue.objects.create(name="light", paused_at=NOON)
    make_job(next_run_time=NOON - 5 * SECOND, queue="light")
    assert value("rota_next_due_lag_seconds") == 0


def test_the_build_is_told() -> None:
    assert value("rota_build_info", version="0.1.0") == 1


def test_openmetrics_is_spoken_to_whom_asks_for_it() -> None:
    with_figures(runs(1))
    body, content_type = exposition("application/openmetrics-text; version=1.0.0; charset=utf-8", NOON)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    names = {family.name for family in read_openmetrics(body.decode())}  # type: ignore[no-untyped-call]
    assert {"rota_runs", "rota_run_duration_seconds", "rota_queue_runs"} <= names


def test_odd_names_break_no_line() -> None:
    odd = Tally()
    odd.count("runs", 'a"b\\c\nd', "t", "failed", "")
    with_figures(odd)
    assert value("rota_runs_total", job='a"b\\c\nd', state="failed") == 1


def test_a_scrape_takes_the_same_few_queries_however_much_there_is(
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(30):
        with_figures(runs(number))
        make_execution(make_job(), queue=f"q{number % 3}")
    with django_assert_max_num_queries(12):
        exposition("", NOON)
