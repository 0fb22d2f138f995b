"""Waiting for a run: whose end counts, what each exit code means, and what is said then."""

import threading
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from scheduling.management.executions import following
from scheduling.management.executions.following import NOT_BEGUN, NOT_WELL, STILL_GOING, follow, tell
from scheduling.models import Cause, Execution, LogChunk, State, Why
from tests.factories import NOON, make_execution, make_job, make_worker
from tests.scheduling.management.terminal import said

pytestmark = pytest.mark.django_db
TIMES: dict[str, Any] = {"started_at": NOON, "finished_at": NOON + timedelta(seconds=3)}


def at_work(**columns: Any) -> Any:
    now = timezone.now()
    return make_worker(**{"heartbeat_at": now, "turned_at": now, "queues": {"default": 4}, **columns})


def verdict(run: Execution, code: int) -> str:
    with pytest.raises(CommandError) as end:
        tell(run, code, StringIO(), json=False)
    assert end.value.returncode == code
    return str(end.value)


@pytest.mark.parametrize("state", [State.FAILED, State.TIMED_OUT, State.CANCELLED, State.LOST, State.SKIPPED])
def test_any_end_but_success_is_not_well(state: State) -> None:
    run = make_execution(state=state, **TIMES)
    assert follow(run, None) == (run, NOT_WELL)
    assert state.label.lower() in verdict(run, NOT_WELL)


def test_a_success_tells_its_result_without_secrets() -> None:
    run = make_execution(make_job(id="films"), state=State.SUCCEEDED, result={"seen": 3, "token": "hunter22"}, **TIMES)
    assert follow(run, None) == (run, 0)
    out = StringIO()
    tell(run, 0, out, json=False)
    result = '{"seen": 3, "token": "••••••"}'
    assert out.getvalue() == f"Run #{run.pk} of films: succeeded after 3 s. Result: {result}"


def test_the_last_attempt_counts() -> None:
    first = make_execution(state=State.FAILED, max_attempts=2, **TIMES)
    second = make_execution(state=State.SUCCEEDED, root=first, attempt=2, why=Why.RETRY, **TIMES)
    assert follow(first, None) == (second, 0)
    assert ", at attempt 2." in following.ending(second)


def test_a_run_that_a_deploy_interrupted_is_told_apart() -> None:
    run = make_execution(state=State.LOST, cause=Cause.INTERRUPTED, reason="Interrupted by deploy.", **TIMES)
    assert "interrupted after 3 s. Interrupted by deploy." in verdict(run, NOT_WELL)


def test_without_a_scheduler_patience_ends_and_the_run_stays_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PATIENCE", 0.0)
    run = make_execution()
    assert follow(run, None) == (run, NOT_BEGUN)
    message = verdict(run, NOT_BEGUN)
    assert "no scheduler is at work. It stays queued." in message
    assert f"manage.py executions cancel {run.pk}" in message


def test_a_stalled_scheduler_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PATIENCE", 0.0)
    at_work(turned_at=timezone.now() - timedelta(hours=1))
    assert follow(make_execution(), None)[1] == NOT_BEGUN


def test_a_run_that_found_no_place_in_time_says_what_it_waits_for() -> None:
    at_work()
    run = make_execution(queue="light")
    assert follow(run, 0.0) == (run, NOT_BEGUN)
    assert "no scheduler that is running serves the queue light" in verdict(run, NOT_BEGUN)


def test_a_run_that_goes_on_longer_is_left_going() -> None:
    run = make_execution(state=State.RUNNING, started_at=timezone.now(), worker_id=at_work().pk)
    assert follow(run, 0.0) == (run, STILL_GOING)
    assert "is still going" in verdict(run, STILL_GOING)


def test_the_commands_end_with_its_code() -> None:
    at_work()
    make_job(id="films")
    failed = make_execution(state=State.FAILED, **TIMES)
    for command in (("jobs", "run", "films"), ("executions", "retry", str(failed.pk))):
        with pytest.raises(CommandError) as end:
            said(*command, "--wait", "--timeout", "0")
        assert end.value.returncode == NOT_BEGUN


# executions logs --follow waits in the same way


def test_a_log_that_nobody_will_write_is_not_followed_for_ever(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(following, "PATIENCE", 0.0)
    run = make_execution()
    with pytest.raises(CommandError, match=r"no scheduler is at work\. It stays queued") as end:
        said("executions", "logs", str(run.pk), "--follow")
    assert end.value.returncode == NOT_BEGUN
    assert f"Run #{run.pk} waits. It waits because no scheduler" in capsys.readouterr().err


def test_the_log_of_a_run_whose_scheduler_died_is_printed_before_it_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "PATIENCE", 0.0)
    run = make_execution(state=State.RUNNING, started_at=NOON, worker_id=make_worker(turned_at=NOON).pk)
    LogChunk.objects.create(execution=run, text="half\n")
    out = StringIO()
    with pytest.raises(CommandError, match="It stays running"):
        call_command("executions", "logs", str(run.pk), "--follow", stdout=out)
    assert out.getvalue() == "half\n"


def test_what_comes_while_one_follows_is_printed_once_and_to_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each look finds more: a wait between two of them is where the run goes on."""
    worker = at_work()
    run = make_execution()

    def begin() -> None:
        Execution.objects.update(state=State.RUNNING, started_at=NOON, worker_id=worker.pk)
        LogChunk.objects.create(execution=run, text="one\n")

    def end() -> None:
        LogChunk.objects.create(execution=run, text="two\n")
        Execution.objects.update(state=State.SUCCEEDED, finished_at=TIMES["finished_at"])

    steps = iter([lambda: None, begin, lambda: None, end])
    monkeypatch.setattr(threading.Event, "wait", lambda *_: next(steps)())
    assert said("executions", "logs", str(run.pk), "--follow") == "one\ntwo\n"
    heard = capsys.readouterr().err
    assert heard.count(f"Run #{run.pk} waits.") == 1
    assert f"Run #{run.pk}: succeeded after 3 s." in heard
