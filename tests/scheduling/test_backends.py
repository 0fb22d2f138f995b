"""Django's contract for a TASKS backend, kept by ours."""

import pickle
from datetime import timedelta
from typing import Any, cast

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.tasks import TaskResultStatus, default_task_backend, task, task_backends
from django.tasks.exceptions import InvalidTask, TaskResultDoesNotExist, TaskResultMismatch
from django.tasks.signals import task_enqueued
from django.template import Context, Template

from scheduling import store
from scheduling.backends import RotaBackend, RotaTask
from scheduling.exceptions import InvalidArguments
from scheduling.models import Execution, State, Why
from scheduling.snapshots import Outcome
from tests.factories import NOON, make_execution, make_worker
from tests.scheduling.loops import in_a_loop
from tests.workload.tasks import echo, echo_later, fail, fail_until, note, sleep_idempotent

pytestmark = pytest.mark.django_db


def end(state: State = State.SUCCEEDED, **more: Any) -> None:
    """Claim the one waiting run and end it so."""
    worker = make_worker()
    Execution.objects.queued().update(run_after=NOON)
    (snapshot,) = store.claim(worker.pk, {"default": 1}, NOON)
    outcome = Outcome(id=snapshot.id, fence=snapshot.fence, state=state, finished_at=NOON, **more)
    store.finish(worker.pk, [outcome], NOON)


def test_a_task_that_is_enqueued_is_a_queued_run() -> None:
    result = echo.enqueue(7)
    run = Execution.objects.get(pk=result.id)
    assert (run.state, run.why, run.task) == (State.QUEUED, Why.ENQUEUE, echo.module_path)
    assert (run.job_id, run.max_instances) == (None, None)
    assert (result.status, result.is_finished, result.attempts) == (TaskResultStatus.READY, False, 0)
    assert (result.args, result.kwargs, result.backend) == ([7], {}, "default")
    assert result.enqueued_at == run.created_at


@pytest.mark.django_db(transaction=True)
def test_a_task_can_be_enqueued_by_async_code() -> None:
    result = in_a_loop(lambda: echo.aenqueue(value=7))
    assert Execution.objects.get(pk=result.id).arguments == {"value": 7}
    assert in_a_loop(lambda: echo.aget_result(result.id)).kwargs == {"value": 7}


def test_a_task_that_is_called_runs_in_its_caller_and_leaves_no_row() -> None:
    call, later = cast("Any", echo), cast("Any", echo_later)  # say the types of Django: its own cannot be called
    assert (call(7), call(value=8), later(9)) == (7, 8, 9)
    with pytest.raises(ValueError, match="no good"):
        cast("Any", fail)("no good")
    assert not Execution.objects.exists()


def test_a_task_that_takes_a_context_says_how_it_can_be_called() -> None:
    with pytest.raises(TypeError, match=r"note\(\) takes the context of a run.* note\.enqueue\(…\) makes a run"):
        cast("Any", note)("path")


@task(takes_context=True)
def content_without(context: Any = None, more: int = 0) -> list[Any]:
    return [context, more]


def test_a_task_that_can_do_without_its_context_can_be_called() -> None:
    call = cast("Any", content_without)
    assert (call(), call(7)) == ([None, 0], [None, 7])


def test_a_page_that_shows_a_task_does_not_run_it() -> None:
    assert "fail" in Template("{{ task.name }}{{ task }}").render(Context({"task": fail}))


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ([], {}),
        ([None], {}),
        ([], {"value": {"a": [1, 2.5, "é 🎬", True, None]}}),
        ([[1, [2, [3]]]], {}),
        (["*"], {}),
        ([10**15], {}),
    ],
)
def test_arguments_come_back_exactly_as_they_were_given(args: list[Any], kwargs: dict[str, Any]) -> None:
    result = echo.get_result(echo.enqueue(*args, **kwargs).id)
    assert (result.args, result.kwargs) == (args, kwargs)


def test_arguments_that_are_not_json_are_refused() -> None:
    with pytest.raises(TypeError):
        echo.enqueue(object())
    assert not Execution.objects.exists()


def test_priority_queue_and_time_go_into_the_row() -> None:
    later = NOON + timedelta(days=9999)
    result = echo.using(priority=7, queue_name="light", run_after=later).enqueue()
    run = Execution.objects.get(pk=result.id)
    assert (run.priority, run.queue, run.run_after) == (7, "light", later)
    again = echo.get_result(result.id)
    assert (again.task.priority, again.task.queue_name, again.task.run_after) == (7, "light", later)


@pytest.mark.parametrize("changes", [{"queue_name": "nowhere"}, {"priority": 101}, {"priority": 1.5}])
def test_what_the_backend_cannot_do_is_refused_at_once(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidTask):
        echo.using(**changes)


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(InvalidTask):
        echo.using(run_after=NOON.replace(tzinfo=None))


def test_a_task_where_no_worker_finds_it_is_refused() -> None:
    with pytest.raises(InvalidTask, match="`tasks` module"):
        stray.enqueue()


def test_the_backend_takes_what_django_asks_whether_it_takes() -> None:
    assert isinstance(task_backends["default"], RotaBackend)
    assert default_task_backend.supports_defer
    assert default_task_backend.supports_async_task
    assert default_task_backend.supports_get_result
    assert default_task_backend.supports_priority
    assert echo_later.enqueue(1).status == TaskResultStatus.READY


def test_a_receiver_hears_of_each_task_that_is_enqueued() -> None:
    heard = []

    def hear(task_result: Any, **_: Any) -> None:
        heard.append(task_result.id)

    task_enqueued.connect(hear)
    try:
        result = echo.enqueue()
    finally:
        task_enqueued.disconnect(hear)
    assert heard == [result.id]


def test_many_are_enqueued_in_one_go(django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(6):
        backend = task_backends["default"]
        assert isinstance(backend, RotaBackend)
        results = backend.enqueue_many((echo, [number], {}) for number in range(200))
    assert [result.args for result in results[:3]] == [[0], [1], [2]]
    assert len({result.id for result in results}) == 200


def test_a_result_is_refreshed_from_its_row() -> None:
    result = echo.enqueue(7)
    end(result=7)
    with pytest.raises(ValueError, match="not finished"):
        _ = result.return_value
    result.refresh()
    assert (result.status, result.return_value, result.is_finished) == (TaskResultStatus.SUCCESSFUL, 7, True)
    assert (result.finished_at, result.attempts) == (NOON, 1)


@pytest.mark.django_db(transaction=True)
def test_a_result_is_refreshed_by_async_code() -> None:
    result = echo.enqueue(7)
    end(result=7)
    in_a_loop(result.arefresh)
    assert result.return_value == 7


def test_a_failed_task_has_its_error_with_traceback() -> None:
    result = fail.enqueue()
    end(State.FAILED, error_class="builtins.ValueError", traceback="Traceback: as told")
    result.refresh()
    assert result.status == TaskResultStatus.FAILED
    (error,) = result.errors
    assert (error.exception_class, error.traceback) == (ValueError, "Traceback: as told")
    with pytest.raises(ValueError, match="failed"):
        _ = result.return_value


def test_a_task_that_is_tried_again_is_ready_and_then_what_its_last_attempt_is() -> None:
    result = fail_until.enqueue(attempt=2)
    end(State.FAILED, error_class="builtins.ValueError", traceback="first")
    result.refresh()
    assert (result.status, result.finished_at, len(result.errors)) == (TaskResultStatus.READY, None, 1)
    end(result=2)
    result.refresh()
    assert (result.status, result.return_value) == (TaskResultStatus.SUCCESSFUL, 2)
    assert (result.attempts, len(result.worker_ids), [error.traceback for error in result.errors]) == (2, 2, ["first"])


@pytest.mark.parametrize("state", [State.CANCELLED, State.LOST, State.TIMED_OUT, State.SKIPPED])
def test_whatever_did_not_succeed_has_failed(state: State) -> None:
    run = make_execution(state=state, finished_at=NOON)
    assert echo.get_result(str(run.pk)).status == TaskResultStatus.FAILED


def test_a_running_task_is_running() -> None:
    run = make_execution(state=State.RUNNING, worker=make_worker(), started_at=NOON)
    result = echo.get_result(str(run.pk))
    assert (result.status, result.started_at, result.attempts) == (TaskResultStatus.RUNNING, NOON, 1)


@pytest.mark.parametrize("result_id", ["", "0", "-1", "nonsense", "9" * 40, "1 OR 1=1"])
def test_a_result_that_is_not_there_is_not_found(result_id: str) -> None:
    with pytest.raises(TaskResultDoesNotExist):
        echo.get_result(result_id)
    with pytest.raises(TaskResultDoesNotExist):
        in_a_loop(lambda: echo.aget_result(result_id))


def test_the_result_of_a_task_that_is_gone_is_not_found() -> None:
    run = make_execution(task="tests.workload.tasks.gone")
    with pytest.raises(TaskResultDoesNotExist):
        default_task_backend.get_result(str(run.pk))


def test_the_result_of_another_task_does_not_match() -> None:
    with pytest.raises(TaskResultMismatch):
        fail.get_result(echo.enqueue().id)


def test_a_task_says_how_it_wants_to_be_run() -> None:
    run = Execution.objects.get(pk=sleep_idempotent.enqueue(seconds=1, path="x").id)
    assert (run.idempotent, run.max_attempts) == (True, 1)
    run = Execution.objects.get(pk=fail_until.enqueue(attempt=2).id)
    assert (run.max_attempts, run.backoff) == (3, timedelta(0))


def test_a_task_survives_pickling_with_all_that_it_says() -> None:
    assert isinstance(fail_until, RotaTask)
    again = pickle.loads(pickle.dumps(fail_until.using(priority=3)))  # noqa: S301
    assert again == fail_until.using(priority=3)
    assert again.max_attempts == 3


def test_a_task_without_arguments_of_its_own_is_a_rota_task_too() -> None:
    assert isinstance(echo, RotaTask)
    with pytest.raises((TypeError, ImproperlyConfigured)):
        task(colour="red")(stray.func)  # type: ignore[call-overload]


@task
def stray() -> None:
    """Not in a `tasks` module."""


def test_arguments_that_the_task_cannot_take_are_refused_at_once() -> None:
    with pytest.raises(InvalidArguments, match="too many positional arguments"):
        echo.enqueue(1, 2, 3)  # type: ignore[call-arg]
    assert not Execution.objects.exists()
