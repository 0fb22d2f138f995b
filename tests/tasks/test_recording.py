"""record(), entry.item() and parts(): what a TaskRecord says afterwards."""

from datetime import timedelta
from typing import Any, cast

import pytest
from django.utils import timezone

from scheduling.context import Context, StopSignal
from scheduling.exceptions import RetryLater, Stopped
from scheduling.models import State
from scheduling.snapshots import Snapshot
from tasks.exceptions import AbortRun, PartsFailed
from tasks.models import Status, TaskRecord
from tasks.recording import LOG_LIMIT, parts, record
from tests.factories import make_execution

pytestmark = pytest.mark.django_db


def test_what_went_well_and_what_did_not_is_counted_and_the_run_goes_on() -> None:
    with record(None, "ada", task_name="t") as entry:
        entry.expect(3)
        for value in ("1", "x", "3"):
            with entry.item(f"item {value}"):
                int(value)
        entry.result = {"sum": 4}
    row = TaskRecord.objects.get()
    assert (row.items_processed, row.items_succeeded, row.items_failed) == (3, 2, 1)
    assert (row.status, row.progress, row.result, row.label) == (Status.SUCCEEDED, 1, {"sum": 4}, "ada")
    assert "item x: ValueError" in row.log_output
    assert row.finished_at is not None


@pytest.mark.parametrize("error", [RetryLater(timedelta(hours=1)), AbortRun("enough"), KeyError("k")])
def test_an_error_fails_the_record_and_goes_on_its_way(error: Exception) -> None:
    with pytest.raises(type(error)), record(None, task_name="t"):
        raise error
    row = TaskRecord.objects.get()
    assert row.status == Status.FAILED
    assert row.error.startswith(type(error).__name__)


@pytest.mark.parametrize("error", [RetryLater(timedelta(hours=1)), AbortRun("enough"), Stopped()])
def test_what_concerns_the_whole_run_passes_through_an_item(error: BaseException) -> None:
    with pytest.raises(type(error)), record(None, task_name="t") as entry, entry.item("one"):
        raise error
    assert TaskRecord.objects.get().items_processed == 0


def test_a_stopped_run_leaves_a_cancelled_record() -> None:
    with pytest.raises(Stopped), record(None, task_name="t"):
        raise Stopped
    assert TaskRecord.objects.get().status == Status.CANCELLED


def test_work_that_is_no_item_can_ask_whether_to_stop() -> None:
    execution, stop = make_execution(), StopSignal()
    snapshot = Snapshot(id=execution.pk, fence=0, task=execution.task, arguments={}, worker="", attempt=1)
    context = Context(task_result=cast(Any, None), snapshot=snapshot, stop=stop)
    for told in (None, context):
        with record(told, task_name="t") as entry:
            entry.check()
    stop.request()
    with pytest.raises(Stopped), record(context, task_name="t") as entry:
        entry.check()
    assert TaskRecord.objects.latest("pk").status == Status.CANCELLED


def test_a_log_that_is_too_long_says_how_much_is_missing() -> None:
    with record(None, task_name="t") as entry:
        entry.log("x" * (LOG_LIMIT - 100))
        entry.log("y" * 1000)
    row = TaskRecord.objects.get()
    assert len(row.log_output) < LOG_LIMIT + 100
    assert "more characters were logged" in row.log_output


def test_no_secret_and_no_nul_reaches_the_record() -> None:
    def leak() -> None:
        with record(None, task_name="t") as entry:
            entry.log("Authorization: Bearer abcdefghijkl")
            entry.result = {"access_token": "abcdefghijkl"}
            raise ValueError("token=abcdefghijkl\x00")

    with pytest.raises(ValueError, match="token"):
        leak()
    row = TaskRecord.objects.get()
    assert "abcdefghijkl" not in f"{row.log_output}{row.error}{row.result}"
    assert "\x00" not in row.error


def test_the_record_of_a_killed_run_is_closed_by_the_next_one() -> None:
    killed = make_execution(state=State.LOST, finished_at=timezone.now())
    going = make_execution()
    for execution in (killed, going):
        TaskRecord.objects.create(task_name="t", execution=execution)
    with record(None, task_name="t"):
        pass
    assert TaskRecord.objects.get(execution=killed).status == Status.INTERRUPTED
    assert TaskRecord.objects.get(execution=going).status == Status.RUNNING


def test_a_record_without_a_run_is_closed_by_the_next_one_when_its_time_is_over() -> None:
    now, longest = timezone.now(), timedelta(minutes=15)
    killed = TaskRecord.objects.create(task_name="t", started_at=now - longest - timedelta(seconds=1))
    going = TaskRecord.objects.create(task_name="t", started_at=now - longest + timedelta(minutes=1))
    other = TaskRecord.objects.create(task_name="u", started_at=now - timedelta(days=9))
    with record(None, task_name="t", longest=longest):
        pass
    for row in (killed, going, other):
        row.refresh_from_db()
    assert (killed.status, going.status, other.status) == (Status.INTERRUPTED, Status.RUNNING, Status.RUNNING)


def test_writes_are_few_however_many_items_there_are(django_assert_max_num_queries: object) -> None:
    with record(None, task_name="t") as entry, django_assert_max_num_queries(3):  # type: ignore[operator]
        for number in range(1000):
            with entry.item(str(number)):
                pass
    assert TaskRecord.objects.get().items_processed == 1000


def test_parts_are_all_tried_and_the_failed_ones_are_named() -> None:
    tried = []

    def work() -> None:
        with parts() as part:
            for name in "abc":
                with part(name):
                    tried.append(name)
                    if name == "b":
                        raise ValueError("no")

    with pytest.raises(PartsFailed, match="b: ValueError: no") as caught:
        work()
    assert tried == ["a", "b", "c"]
    assert isinstance(caught.value.__cause__, ExceptionGroup)


def test_parts_that_ask_for_a_pause_get_the_longest_one() -> None:
    def work() -> None:
        with parts() as part:
            for hours in (1, 3, 2):
                with part(str(hours)):
                    raise RetryLater(timedelta(hours=hours))

    with pytest.raises(RetryLater) as caught:
        work()
    assert caught.value.delay == timedelta(hours=3)
