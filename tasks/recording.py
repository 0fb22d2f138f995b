"""record(context): counts, progress and log lines of one piece of work, kept in one TaskRecord."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from django.utils import timezone

from scheduling.context import Context
from scheduling.exceptions import RetryLater, Stopped
from scheduling.redact import plain, redact_json
from tasks.exceptions import AbortRun, PartsFailed
from tasks.models import LONGEST_TEXT, Status, TaskRecord

logger = logging.getLogger(__name__)

WRITE_EVERY = 1.0  # seconds between two writes of a record that keeps changing
LOG_LIMIT = 100_000  # characters kept in a record; the run's own log has more
LONGEST_ERROR = 5_000  # characters


class Watcher(Protocol):
    """Who else wants to see the progress: a progress bar, for example."""

    def __call__(self, done: int, total: int, text: str) -> object: ...


class Entry:
    """A TaskRecord while the work goes on."""

    def __init__(self, row: TaskRecord, watchers: list[Watcher], check: Callable[[], None]) -> None:
        self.result: Any = None  # JSON, shown on the record's page
        self._row = row
        self._watchers = watchers
        self._check_run = check
        self._total: int | None = None
        self._log: list[str] = []
        self._room = LOG_LIMIT
        self._left_out = 0
        self._written_at = time.monotonic()

    def expect(self, more: int) -> None:
        """That many items are still to come: from here on progress is a share of the whole."""
        self._total = self._row.items_processed + more
        self._show("")

    def check(self) -> None:
        """Raise Stopped if the run has been told to stop: for work that is no item, between two pieces of it."""
        self._check_run()

    def log(self, message: str) -> None:
        """A line for the record's page, and for the run's log."""
        logger.info("%s: %s", self._row.label or self._row, message)
        line = f"{timezone.now():%H:%M:%S} {plain(message)}"
        if len(line) < self._room:
            self._log.append(line)
            self._room -= len(line) + 1
        else:
            self._left_out += len(line)
            self._room = 0

    @contextmanager
    def item(self, name: str) -> Iterator[None]:
        """Count what is done inside; an error in it is logged and counted, and the work goes on."""
        self.check()
        try:
            yield
        except (RetryLater, AbortRun):
            raise
        except Exception as error:
            logger.debug("%s failed", name, exc_info=True)
            self.log(f"{name}: {_told(error)}")
            self._row.items_failed += 1
        else:
            self._row.items_succeeded += 1
        self._row.items_processed += 1
        self._show(name)

    def write(self, **fields: Any) -> None:
        """Store the record as it is now."""
        self._written_at = time.monotonic()
        row = self._row
        fields |= {"progress_text": row.progress_text, "progress": row.progress}
        fields |= {"log_output": self._log_output()}
        for name in ("items_processed", "items_succeeded", "items_failed"):
            fields[name] = getattr(row, name)
        TaskRecord.objects.filter(pk=row.pk).update(**fields)

    def _show(self, text: str) -> None:
        done = self._row.items_processed
        self._row.progress_text = plain(text)[:LONGEST_TEXT]
        if self._total is not None:
            self._row.progress = min(done / self._total, 1.0) if self._total else 1.0
            for watcher in self._watchers:
                watcher(done, self._total, f"{self._row.label} {text}".strip())
        if time.monotonic() - self._written_at >= WRITE_EVERY:
            self.write()

    def _log_output(self) -> str:
        marker = [f"[{self._left_out} more characters were logged]"] if self._left_out else []
        return "\n".join(self._log + marker)


@contextmanager
def record(
    context: Context | None,
    label: str = "",
    *,
    task_name: str = "",
    longest: timedelta = timedelta(days=1),
    watcher: Watcher | None = None,
) -> Iterator[Entry]:
    """Keep a TaskRecord of what is done inside: failed if it ends by an error, which goes on its way.

    Without a context, as in a management command, the record belongs to no run and needs `task_name`;
    an earlier one of that name which is open for longer than `longest` counts as interrupted.
    """
    name = task_name or (context.task_result.task.module_path if context else "")
    now = timezone.now()
    TaskRecord.objects.left_behind(name, now - longest).update(status=Status.INTERRUPTED, finished_at=now)
    row = TaskRecord.objects.create(
        task_name=name, execution_id=context.execution_id if context else None, label=label[:LONGEST_TEXT]
    )
    entry = Entry(row, _watchers(context, watcher), context.raise_if_cancelled if context else _never)
    try:
        yield entry
    except (Stopped, KeyboardInterrupt):
        _close(entry, Status.CANCELLED, "Stopped: cancelled, or out of time.")
        raise
    except BaseException as error:
        _close(entry, Status.FAILED, _told(error))
        raise
    _close(entry, Status.SUCCEEDED, "")


@contextmanager
def attempt(tell: Callable[[Exception], object]) -> Iterator[None]:
    """What goes wrong inside, our own mistakes too, is for `tell`, and the work goes on."""
    try:
        yield
    except Exception as error:
        tell(error)


@contextmanager
def parts() -> Iterator[Callable[[str], AbstractContextManager[None]]]:
    """Independent parts of one run: each is tried whatever became of the others.

    `with parts() as part: with part(name): …`; at the end PartsFailed names those that failed, or
    RetryLater if a service has asked for a pause.
    """
    failed: dict[str, Exception] = {}

    yield lambda name: attempt(partial(failed.__setitem__, name))
    if failed:
        summary = "; ".join(f"{name}: {_told(error)}" for name, error in failed.items())
        pauses = [error.delay for error in failed.values() if isinstance(error, RetryLater)]
        whole = RetryLater(max(pauses), summary) if pauses else PartsFailed(summary)
        raise whole from ExceptionGroup("The parts that failed", list(failed.values()))


def _close(entry: Entry, status: Status, error: str) -> None:
    entry.write(status=status, error=error, result=redact_json(entry.result), finished_at=timezone.now())


def _watchers(context: Context | None, watcher: Watcher | None) -> list[Watcher]:
    return [who for who in (context and context.progress, watcher) if who]


def _never() -> None:
    """Nobody can ask work outside a run to stop."""


def _told(error: BaseException) -> str:
    return plain(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)[:LONGEST_ERROR]
