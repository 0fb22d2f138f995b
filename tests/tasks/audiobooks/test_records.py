"""The record helpers work as the source system's guide shows them; old records go, those of work under way stay."""

import traceback
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tasks.audiobooks.records import (
    MARK,
    InvalidRecord,
    RecordClosed,
    clean_up,
    create_task_record,
    get_db_context,
    update_task_failure,
    update_task_success,
)
from tasks.models import Status, TaskRecord
from tasks.recording import LOG_LIMIT, LONGEST_ERROR, record
from tests.factories import make_execution

pytestmark = pytest.mark.django_db


def test_the_guides_lifecycle_works_word_for_word() -> None:
    with get_db_context() as db:
        task = create_task_record(db, "MAM")
        assert (task.task_name, task.status) == ("MAM", "running")
        items_processed = 100
        items_succeeded = 95
        items_failed = 5
        log_output = "done"
        update_task_success(db, task, items_processed, items_succeeded, items_failed, log_output)
    told = f"{task.task_name}: {task.status} ({task.items_succeeded}/{task.items_processed})"
    assert told == "MAM: succeeded (95/100)"
    row = TaskRecord.objects.get(task_name="MAM")
    assert (row.items_failed, row.log_output, row.error) == (5, "done", "")
    assert row.finished_at


def work_that_fails() -> None:
    with get_db_context() as db:
        task = create_task_record(db, "MAM")
        try:
            _ = 1 / 0
        except Exception as e:
            error_msg = f"Task failed: {e!s}\n{traceback.format_exc()}"
            update_task_failure(db, task, error_message=error_msg)
            raise


def test_the_guides_error_handling_works_word_for_word() -> None:
    with pytest.raises(ZeroDivisionError):
        work_that_fails()
    row = TaskRecord.objects.get()
    assert row.status == Status.FAILED
    assert row.error.startswith("Task failed: division by zero\nTraceback")


def test_a_failure_may_come_with_a_log() -> None:
    with get_db_context() as db:
        task = create_task_record(db, "Top10")
        update_task_failure(db, task, "no answer", "line 1\nline 2")
    assert (task.error, task.log_output, task.status) == ("no answer", "line 1\nline 2", "failed")


@pytest.mark.parametrize(
    ("counts", "complaint"),
    [
        ((10, 5, 4), "must add up"),
        ((0, 1, 0), "must add up"),
        ((-1, -1, 0), "items_processed must be"),
        ((1, 2, -1), "items_failed must be"),
        (("1", 1, 0), "items_processed must be"),
        ((1.0, 1, 0), "items_processed must be"),
        ((True, 1, 0), "items_processed must be"),
        ((None, 0, 0), "items_processed must be"),
        ((2**40, 2**40, 0), "items_processed must be"),
    ],
)
def test_counts_that_contradict_each_other_are_refused(counts: Any, complaint: str) -> None:
    with get_db_context() as db:
        task = create_task_record(db, "MAM")
        with pytest.raises(InvalidRecord, match=complaint):
            update_task_success(db, task, *counts)
    assert TaskRecord.objects.get().status == Status.RUNNING


def test_a_record_ends_once() -> None:
    with get_db_context() as db:
        task = create_task_record(db, "MAM")
        update_task_success(db, task, 1, 1, 0)
        for again in (update_task_success, update_task_failure):
            with pytest.raises(RecordClosed):
                again(db, task)
        TaskRecord.objects.all().delete()
        with pytest.raises(RecordClosed):
            update_task_failure(db, task, "too late")


@pytest.mark.parametrize("name", ["", "  "])
def test_a_record_has_a_name(name: str) -> None:
    with get_db_context() as db, pytest.raises(InvalidRecord):
        create_task_record(db, name)


def test_secrets_and_what_is_too_long_stay_out() -> None:
    with get_db_context() as db:
        task = create_task_record(db, "x" * 300)
        update_task_failure(
            db, task, "password=hunter2hunter2 " + "x" * 9000, "a" * LOG_LIMIT + "api_key=abcdefgh99\x00"
        )
    assert len(task.task_name) == 200
    assert len(task.error) == LONGEST_ERROR
    assert len(task.log_output) <= LOG_LIMIT
    assert "hunter2" not in task.error
    assert "abcdefgh99" not in task.log_output
    assert "\x00" not in task.log_output


def old(days: int = 31, **columns: Any) -> TaskRecord:
    moment = timezone.now() - timedelta(days=days)
    plain = {"task_name": "tasks.audiobooks.tasks.mam_scraping_task", "status": Status.SUCCEEDED}
    ends = {} if columns.get("status") == Status.RUNNING else {"finished_at": moment}
    return TaskRecord.objects.create(**{**plain, **ends, "started_at": moment, **columns})


def cleaned() -> TaskRecord:
    with record(None, "cleaning", task_name="tests") as entry:
        clean_up(entry, now=timezone.now())
    return TaskRecord.objects.get(label="cleaning")


def test_old_records_go_and_others_stay() -> None:
    gone = [
        old(),
        old(status=Status.FAILED),
        old(task_name="MAM", label="audiobooks", result=MARK),
        old(execution_id=make_execution().pk),
    ]
    stay = [
        old(days=29),
        old(status=Status.RUNNING),
        old(status=Status.RUNNING, task_name="MAM", label="audiobooks", result=MARK),
        old(task_name="MAM"),
        old(task_name="MAM", label="audiobooks"),
        old(task_name="MAM", label="audiobooks", result={"found": 3}),
        old(task_name="tasks.tickets.tasks.sync"),
        old(task_name="tasks.tickets.tasks.sync", label="audiobooks", execution_id=make_execution().pk),
    ]
    row = cleaned()
    left = set(TaskRecord.objects.exclude(pk=row.pk).values_list("pk", flat=True))
    assert left == {each.pk for each in stay}
    assert row.result == {"deleted": len(gone), "interrupted": 1}


def test_how_long_records_are_kept_is_a_setting(settings: Any) -> None:
    settings.AUDIOBOOKS = {**settings.AUDIOBOOKS, "KEEP_RECORDS_DAYS": 5}
    old(days=6)
    old(days=4)
    assert cleaned().result == {"deleted": 1, "interrupted": 0}


def test_many_records_go_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.audiobooks.records.BATCH", 2)
    for _ in range(5):
        old()
    row = cleaned()
    assert (row.result, row.items_processed) == ({"deleted": 5, "interrupted": 0}, 3)


def test_a_record_of_a_killed_process_is_closed_after_a_day() -> None:
    with get_db_context() as db:
        killed, fresh, done = (create_task_record(db, "MAM") for _ in range(3))
        update_task_success(db, done, 1, 1, 0)
    TaskRecord.objects.filter(pk=killed.pk).update(started_at=timezone.now() - timedelta(hours=25))
    somebody_elses = old(status=Status.RUNNING, task_name="MAM", label="audiobooks")
    cleaned()
    told = dict(TaskRecord.objects.values_list("pk", "status"))
    assert told[killed.pk] == Status.INTERRUPTED
    assert told[fresh.pk] == told[somebody_elses.pk] == Status.RUNNING
    assert told[done.pk] == Status.SUCCEEDED
