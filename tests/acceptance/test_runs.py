"""A run from its trigger to its record, on both executors."""

from datetime import timedelta

import psutil
import pytest
from django.utils import timezone

from scheduling import store
from scheduling.models import Execution, Job, LogChunk, State
from tests.acceptance.rota import Rota
from tests.workload import tasks


def succeeded(rota: Rota) -> Execution:
    """The first run that succeeds."""
    rota.until(lambda: Execution.objects.filter(state=State.SUCCEEDED).exists())
    return Execution.objects.filter(state=State.SUCCEEDED).earliest("id")


EXECUTORS = pytest.mark.parametrize("queue", ["default", "light"])


@EXECUTORS
def test_a_due_job_runs_and_leaves_a_complete_record(rota: Rota, queue: str) -> None:
    rota.start()
    rota.job("sleep", trigger="interval", interval=timedelta(seconds=1), arguments={"seconds": 0.3}, queue=queue)
    run = succeeded(rota)
    log = "".join(LogChunk.objects.filter(execution=run).values_list("text", flat=True))
    assert run.why == "schedule"
    assert run.result == "rested"
    assert run.progress == 1.0
    assert run.lateness is not None
    assert run.lateness < timedelta(seconds=1)
    assert run.duration is not None
    assert run.duration >= timedelta(seconds=0.3)
    assert run.worker is not None
    assert run.worker.version
    assert "still 0.3 s" in log
    assert run.instance is None


@EXECUTORS
def test_an_error_is_on_record_with_its_traceback(rota: Rota, queue: str) -> None:
    rota.start()
    run = rota.ended(rota.ask("fail", queue=queue))
    assert run.state == State.FAILED
    assert run.error_class == "builtins.ValueError"
    assert run.error_message == "as told"
    assert "in fail" in run.traceback


@EXECUTORS
def test_a_failing_run_is_tried_again_as_often_as_it_may(rota: Rota, queue: str) -> None:
    rota.start()
    first = rota.ended(
        rota.ask("fail_until", arguments={"attempt": 3}, max_attempts=3, backoff=timedelta(0), queue=queue)
    )
    rota.until(lambda: Execution.objects.filter(state=State.SUCCEEDED).exists())
    attempts = Execution.objects.order_by("attempt").values_list("attempt", "state", "root", "why")
    assert list(attempts) == [
        (1, State.FAILED, None, "run_now"),
        (2, State.FAILED, first.pk, "retry"),
        (3, State.SUCCEEDED, first.pk, "retry"),
    ]


def test_a_task_says_when_it_wants_to_be_tried_again(rota: Rota) -> None:
    rota.start()
    rota.ended(rota.ask("later", arguments={"seconds": 0.2}, max_attempts=2, backoff=timedelta(hours=9)))
    last = succeeded(rota)
    assert last.result == "done"


@EXECUTORS
def test_enqueue_gives_a_result_that_comes_true(rota: Rota, queue: str) -> None:
    rota.start()
    result = tasks.echo_later.using(queue_name=queue).enqueue({"deep": [1, "zwei", None]})
    rota.until(lambda: tasks.echo_later.get_result(result.id).is_finished)
    result.refresh()
    value: object = result.return_value
    assert value == {"deep": [1, "zwei", None]}


def test_log_and_progress_are_seen_while_the_run_goes_on(rota: Rota) -> None:
    rota.start()
    run = rota.ask("sleep", arguments={"seconds": 20})
    rota.until(lambda: LogChunk.objects.filter(execution=run).count() > 1)
    run.refresh_from_db()
    assert run.state == State.RUNNING
    assert run.progress is not None
    assert 0 < run.progress < 1
    assert run.progress_text.endswith("to go")


def test_a_time_out_ends_the_run_and_what_it_has_started(rota: Rota) -> None:
    rota.start()
    run = rota.ended(rota.ask("stubborn", arguments={"path": rota.path("marks")}, timeout=timedelta(seconds=1)))
    program = int(rota.lines("marks")[0])
    assert run.state == State.TIMED_OUT
    assert "time-out of 1 s" in run.reason
    assert "Stopped" in rota.lines("marks")
    assert run.duration is not None
    assert run.duration < timedelta(seconds=3)
    assert not psutil.pid_exists(program) or psutil.Process(program).status() == psutil.STATUS_ZOMBIE


@pytest.mark.sqlite_only
def test_code_that_is_deaf_to_signals_is_killed(rota: Rota) -> None:
    rota.start()
    run = rota.ended(rota.ask("hang_in_c", timeout=timedelta(seconds=1)))
    assert run.state == State.TIMED_OUT
    assert run.duration is not None
    assert run.duration < timedelta(seconds=3)


@EXECUTORS
def test_a_running_run_is_cancelled_in_two_seconds(rota: Rota, queue: str) -> None:
    rota.start()
    run = rota.ask("sleep", arguments={"seconds": 60}, queue=queue, max_attempts=5)
    rota.until(lambda: rota.state(run) == State.RUNNING)
    assert store.cancel(run, by="ada", now=timezone.now()) == State.RUNNING
    rota.ended(run, within=2)
    assert run.state == State.CANCELLED
    assert run.reason == "Cancelled by ada."
    assert Execution.objects.count() == 1  # no attempt follows


def test_a_waiting_run_is_cancelled_before_it_starts(rota: Rota) -> None:
    run = rota.ask("note", arguments={"path": rota.path("marks")})
    assert store.cancel(run, by="ada", now=timezone.now()) == State.CANCELLED
    assert rota.run("runscheduler", "--once") == 0
    assert rota.lines("marks") == []


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("task", "reason"),
    [("crash", "killed by SIGKILL"), ("leave", ""), ("returns_a_set", "returned a set"), ("eats_memory", "")],
)
def test_a_task_that_misbehaves_ends_only_its_own_run(rota: Rota, task: str, reason: str) -> None:
    rota.start("--workers", "1")
    bad = rota.ended(rota.ask(task))
    good = rota.ended(rota.ask("echo", arguments={"value": 7}))
    assert bad.state == State.FAILED
    assert reason in bad.reason
    assert (good.state, good.result) == (State.SUCCEEDED, 7)


def test_a_log_without_end_is_cut(rota: Rota) -> None:
    rota.start(LOG_LIMIT="20000")
    run = rota.ended(rota.ask("says", arguments={"lines": 100_000, "text": "x" * 100}))
    log = "".join(LogChunk.objects.filter(execution=run).values_list("text", flat=True))
    assert run.state == State.SUCCEEDED
    assert 20_000 < len(log) < 20_200
    assert log.endswith("[cut: this run logs more than 20000 characters]\n")


def test_a_thousand_jobs_due_in_the_same_second_start_once_each(rota: Rota) -> None:
    rota.start()
    due = timezone.now() + timedelta(seconds=2)
    plain = {"task": "tests.workload.tasks.note", "arguments": {"path": rota.path("marks")}, "queue": "light"}
    Job.objects.bulk_create(
        Job(id=f"job-{number}", name="x", trigger="date", run_at=due, next_run_time=due, **plain)
        for number in range(1000)
    )
    rota.until(lambda: Execution.objects.filter(state=State.SUCCEEDED).count() == 1000, within=60)
    assert len(rota.lines("marks")) == len(set(rota.lines("marks"))) == 1000
