"""perform: whatever a task does, its run ends with an Outcome that every database takes."""

import signal
from dataclasses import replace
from typing import Any

import pytest
from django.tasks import TaskResultStatus
from django.tasks.signals import task_finished, task_started

from scheduling import registry, store
from scheduling.context import StopSignal
from scheduling.models import Execution, State
from scheduling.perform import LONGEST_MESSAGE, perform
from scheduling.redact import DOTS
from scheduling.snapshots import Outcome, Snapshot
from tests.factories import NOON, make_execution, make_job, make_worker

TASKS = "tests.workload.tasks"
MISDEEDS = "tests.workload.misdeeds"
registry.register_module(MISDEEDS)

pytestmark = pytest.mark.usefixtures("kept_connection")


def run(task: str, stop: StopSignal | None = None, **arguments: Any) -> Outcome:
    """Perform a task as a worker would, and write its end down."""
    worker = make_worker()
    path = task if "." in task else f"{TASKS}.{task}"
    make_execution(task=path, arguments=arguments)
    (snapshot,) = store.claim(worker.pk, {"default": 1}, NOON)
    outcome = perform(Snapshot.loads(snapshot.dumps()), stop or StopSignal())
    again = Outcome.loads(outcome.dumps())
    assert store.finish(worker.pk, [again], NOON).written == [again]
    assert Execution.objects.get().state == outcome.state
    return again


def misdeed(name: str, **arguments: Any) -> Outcome:
    return run(f"{MISDEEDS}.{name}", **arguments)


def test_a_task_that_returns_has_succeeded() -> None:
    outcome = run("echo", value={"films": [1, 2.5, None, True, "é 🎬"]})
    assert (outcome.state, outcome.result) == (State.SUCCEEDED, {"films": [1, 2.5, None, True, "é 🎬"]})
    assert (outcome.error_class, outcome.reason) == ("", "")


def test_positional_arguments_reach_the_task() -> None:
    assert run("echo", None, **{"*": ["first"]}).result == "first"


def test_an_async_task_runs_to_its_end() -> None:
    assert run("echo_later", value=3).result == 3


def test_an_exception_fails_the_run_and_is_told() -> None:
    outcome = run("fail", message="no such film")
    assert (outcome.state, outcome.error_class) == (State.FAILED, "builtins.ValueError")
    assert outcome.error_message == "no such film"
    assert "raise ValueError(message)\nValueError: no such film" in outcome.traceback


def test_a_task_that_exits_fails_its_run_and_not_the_worker() -> None:
    outcome = run("leave")
    assert (outcome.state, outcome.error_class, outcome.error_message) == (
        State.FAILED,
        "builtins.SystemExit",
        "3",
    )


def test_a_task_that_is_not_registered_fails_for_good() -> None:
    outcome = run("os.system", command="true")
    assert outcome.state == State.FAILED
    assert outcome.reason == "No task 'os.system' is registered in the installed apps."
    assert not outcome.may_retry


def test_arguments_that_no_longer_fit_fail_the_run() -> None:
    outcome = run("echo", gone=1)
    assert (outcome.state, outcome.error_class) == (State.FAILED, "builtins.TypeError")


@pytest.mark.parametrize(
    "name", ["a_set", "an_object", "not_a_number", "infinity", "itself", "a_deep_nest", "forty_lists"]
)
def test_a_result_that_is_not_json_fails_the_run_and_is_not_tried_again(name: str) -> None:
    outcome = misdeed("returns", what=name)
    assert outcome.state == State.FAILED
    assert outcome.reason.startswith("The task ended well, but returned a ")
    assert not outcome.may_retry


def test_keys_that_are_no_text_become_text() -> None:
    assert misdeed("returns", what="numbers_as_keys").result == {"1": "a", "null": "b"}


def test_a_result_larger_than_a_row_should_hold_fails_the_run() -> None:
    outcome = misdeed("returns", what="a_long_text")
    assert outcome.state == State.FAILED
    assert "longer than" in outcome.reason


def test_a_result_with_nul_and_lone_surrogates_can_be_stored() -> None:
    assert misdeed("returns", what="odd_text").result == {"a␀": "b␀ ?"}


def test_an_error_with_nul_and_lone_surrogates_can_be_stored() -> None:
    outcome = misdeed("fails", what="odd_text")
    assert outcome.error_message == "b␀ ?"
    assert "b␀ ?" in outcome.traceback


def test_an_error_that_cannot_be_told_still_ends_the_run() -> None:
    outcome = misdeed("fails", what="unspeakable")
    assert (outcome.state, outcome.error_class) == (State.FAILED, f"{MISDEEDS}.Unspeakable")


def test_a_very_long_error_is_cut() -> None:
    outcome = misdeed("fails", what="very_long")
    assert len(outcome.error_message) == LONGEST_MESSAGE
    assert len(outcome.traceback) <= 50_000


def test_a_secret_is_taken_out_of_result_and_error(settings: Any) -> None:
    settings.CANARY_TOKEN = "kanarienvogel-7f3a9"
    assert run("echo", value=["kanarienvogel-7f3a9"]).result == [DOTS]
    Execution.objects.all().delete()
    outcome = run("fail", message="401 for kanarienvogel-7f3a9")
    assert outcome.error_message == f"401 for {DOTS}"
    assert "kanarienvogel" not in outcome.traceback


def test_a_task_may_ask_to_be_run_again_after_a_delay() -> None:
    outcome = run("later", seconds=90)
    assert (outcome.state, outcome.retry_in) == (State.FAILED, 90.0)
    assert outcome.reason == "the service asked us to come back"


def test_a_delay_in_the_wrong_unit_fails_the_run_like_any_error() -> None:
    outcome = misdeed("forgets_the_unit")
    assert (outcome.state, outcome.error_class) == (State.FAILED, "builtins.TypeError")


def test_a_run_that_was_told_to_stop_before_it_began_does_not_begin() -> None:
    stop = StopSignal()
    stop.request()
    outcome = run("echo", stop, value=1)
    assert (outcome.state, outcome.result) == (State.CANCELLED, None)


def test_a_run_stops_where_the_task_asks_whether_it_should() -> None:
    outcome = misdeed("asks_for_its_own_stop")
    assert (outcome.state, outcome.result) == (State.CANCELLED, None)


def test_a_signal_stops_the_task_itself_and_nothing_after_it() -> None:
    stop = StopSignal()
    before = signal.signal(signal.SIGUSR1, stop.on_signal)
    try:
        assert run(f"{MISDEEDS}.signals_itself", stop).state == State.CANCELLED
        assert not stop.interruptible
        stop.on_signal()  # between two runs: a flag, and no exception
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_receivers_of_djangos_signals_hear_of_start_and_end() -> None:
    heard = []

    def hear(task_result: Any, **_: Any) -> None:
        heard.append((task_result.status, task_result.is_finished and task_result.return_value))

    task_started.connect(hear)
    task_finished.connect(hear)
    try:
        run("echo", value=7)
    finally:
        task_started.disconnect(hear)
        task_finished.disconnect(hear)
    assert heard == [(TaskResultStatus.RUNNING, False), (TaskResultStatus.SUCCESSFUL, 7)]


def test_a_receiver_that_fails_does_not_fail_the_run() -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("the receiver is broken")

    task_started.connect(fail)
    task_finished.connect(fail)
    try:
        assert run("echo", value=7).result == 7
    finally:
        task_started.disconnect(fail)
        task_finished.disconnect(fail)


def test_the_context_tells_which_run_it_is() -> None:
    job = make_job()
    make_execution(job, task=f"{MISDEEDS}.tells_its_context", arguments={}, scheduled_for=NOON, attempt=2, root_id=17)
    (snapshot,) = store.claim(make_worker().pk, {"default": 1}, NOON)
    assert perform(snapshot, StopSignal()).result == {
        "attempt": 2,
        "execution_id": snapshot.id,
        "job_id": job.pk,
        "scheduled_for": NOON.isoformat(),
        "idempotency_key": "rota-17",
        "cancelled": False,
        "still_mine": True,
        "task_result": str(snapshot.id),
    }


def test_all_attempts_share_one_idempotency_key() -> None:
    first = misdeed("tells_its_context").result
    assert first["idempotency_key"] == f"rota-{first['execution_id']}"


def test_progress_is_shown_in_the_row_while_the_run_goes_on() -> None:
    outcome = misdeed("tells_progress", done=1, total=4, text="a password=hunter22")
    assert outcome.result == [0.25, f"a password={DOTS}"]


@pytest.mark.parametrize(("done", "total", "share"), [(0.5, None, 0.5), (9, 3, 1.0), (-1, 3, 0.0), (0, 0, 1.0)])
def test_progress_is_a_share_of_the_whole(done: float, total: float | None, share: float) -> None:
    assert misdeed("tells_progress", done=done, total=total, text="").result == [share, ""]


def test_progress_with_nul_and_lone_surrogates_can_be_stored() -> None:
    assert misdeed("tells_odd_progress").result == "a␀ ?"


def test_a_run_that_was_taken_over_is_no_longer_mine() -> None:
    make_execution(task=f"{MISDEEDS}.tells_its_context")
    (snapshot,) = store.claim(make_worker().pk, {"default": 1}, NOON)
    late = replace(snapshot, fence=snapshot.fence - 1)
    assert perform(late, StopSignal()).result["still_mine"] is False


def test_a_snapshot_and_an_outcome_survive_the_way_into_a_child_and_back() -> None:
    snapshot = Snapshot(
        id=1, fence=2, task="x", arguments={"é": [1]}, worker="w", scheduled_for=NOON, created_at=NOON, timeout=1.5
    )
    assert Snapshot.loads(snapshot.dumps()) == snapshot
    outcome = Outcome(id=1, fence=2, state=State.FAILED, finished_at=NOON, result=[1], retry_in=2.5)
    assert Outcome.loads(outcome.dumps()) == outcome


def test_the_outcome_says_when_the_tasks_code_began() -> None:
    outcome = run("echo")
    assert outcome.started_at is not None
    assert outcome.started_at <= outcome.finished_at
    assert outcome.began is not None
    assert 0 <= outcome.ended - outcome.began < 5
