"""The record helpers of the source system, on TaskRecord; and the end of records that are old.

with get_db_context() as db:
    task = create_task_record(db, "MAM")
    ...
    update_task_success(db, task, items_processed, items_succeeded, items_failed, log_output)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db import close_old_connections, connection
from django.db.models import Q
from django.utils import timezone

from scheduling.redact import plain
from tasks.audiobooks.conf import options
from tasks.exceptions import TaskError
from tasks.models import LONGEST_TEXT, Status, TaskRecord
from tasks.recording import LOG_LIMIT, LONGEST_ERROR, Entry

LABEL = "audiobooks"  # of the records that are made here
MARK = {"made_by": "tasks.audiobooks.records"}  # the result of these records; a label could be that of anybody
MADE_HERE = Q(label=LABEL, execution=None, result__made_by=MARK["made_by"])
OURS = Q(task_name__startswith="tasks.audiobooks.") | MADE_HERE
LONGEST = timedelta(days=1)  # for which work with a record that was made here may go on
BATCH = 500  # rows in a transaction
LARGEST = 2**31 - 1


class InvalidRecord(TaskError):
    """These figures contradict each other."""


class RecordClosed(TaskError):
    """This record has its end already."""


class Database(Protocol):
    """A database of Django's, by its alias."""

    alias: str


@contextmanager
def get_db_context() -> Iterator[Database]:
    """The database for a piece of work. Each helper stores at once, so that an error in the work undoes no record."""
    is_inside = connection.in_atomic_block
    if not is_inside:
        close_old_connections()
    try:
        yield connection
    finally:
        if not is_inside:
            close_old_connections()


def create_task_record(db: Database, task_name: str) -> TaskRecord:
    """Open a record of that name, which is running from now on."""
    name = plain(task_name).strip()[:LONGEST_TEXT]
    if not name:
        raise InvalidRecord("A record needs a name.")
    return TaskRecord.objects.using(db.alias).create(task_name=name, label=LABEL, result=MARK)


def update_task_success(
    db: Database,
    task: TaskRecord,
    items_processed: int = 0,
    items_succeeded: int = 0,
    items_failed: int = 0,
    log_output: str = "",
) -> TaskRecord:
    """Close the record of work that was done. Raises InvalidRecord for counts that do not add up, or RecordClosed."""
    counts = {
        "items_processed": items_processed,
        "items_succeeded": items_succeeded,
        "items_failed": items_failed,
    }
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= LARGEST:
            raise InvalidRecord(f"{name} must be a whole number from 0 on, not {count!r:.50}.")
    if items_processed != items_succeeded + items_failed:
        raise InvalidRecord(
            f"{items_processed} items were processed, but {items_succeeded} succeeded and {items_failed} failed: "
            "the last two must add up to the first."
        )
    return _close(db, task, status=Status.SUCCEEDED, progress=1.0, log_output=_log(log_output), **counts)


def update_task_failure(db: Database, task: TaskRecord, error_message: str = "", log_output: str = "") -> TaskRecord:
    """Close the record of work that failed. Raises RecordClosed."""
    error = plain(str(error_message or "Failed without a word."))[:LONGEST_ERROR]
    return _close(db, task, status=Status.FAILED, error=error, log_output=_log(log_output))


def clean_up(entry: Entry, *, now: datetime) -> None:
    """Delete the records of the audiobooks' tasks that are older than KEEP_RECORDS_DAYS; of work that goes on none.

    A record that was made here and is open for more than a day is that of a process that was killed.
    """
    left_open = TaskRecord.objects.filter(MADE_HERE, status=Status.RUNNING, started_at__lt=now - LONGEST)
    interrupted = left_open.update(status=Status.INTERRUPTED, finished_at=now)
    days = options().keep_records_days
    old = TaskRecord.objects.filter(OURS, finished_at__lt=now - timedelta(days=days)).exclude(status=Status.RUNNING)
    deleted, last = 0, 0
    while keys := list(old.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with entry.item(f"records up to number {keys[-1]}"):
            deleted += old.filter(pk__in=keys).delete()[0]
        last = keys[-1]
    entry.result = {"deleted": deleted, "interrupted": interrupted}
    entry.log(f"{deleted} records of more than {days} days ago were deleted.")


def _close(db: Database, task: TaskRecord, **fields: Any) -> TaskRecord:
    open_ones = TaskRecord.objects.using(db.alias).filter(pk=task.pk, status=Status.RUNNING)
    if not open_ones.update(finished_at=timezone.now(), **fields):
        raise RecordClosed(f"The record {task.pk} of {task.task_name} is closed, or is no longer there.")
    task.refresh_from_db(using=db.alias)
    return task


def _log(text: str) -> str:
    """What fits a record; of a longer one the end, where the reasons are."""
    told = plain(str(text or ""))
    return told if len(told) <= LOG_LIMIT else f"[cut]\n{told[-LOG_LIMIT + 10 :]}"


__all__ = [
    "InvalidRecord",
    "RecordClosed",
    "clean_up",
    "create_task_record",
    "get_db_context",
    "update_task_failure",
    "update_task_success",
]
