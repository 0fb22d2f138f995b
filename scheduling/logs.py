"""What a run logs goes to its page while it runs: a handler that collects, a thread that writes."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import Error as DatabaseFailure
from django.db import connection

from scheduling import registry
from scheduling.conf import options
from scheduling.models import LogChunk
from scheduling.redact import hiding, plain, redact, secrets_in
from scheduling.snapshots import Snapshot

LAST_TRIES = 3  # at a database that refuses, each as long as its time-out
WRITE_EVERY = 0.4  # seconds between two writes of a run that keeps logging
NOT_KEPT = ("django.tasks.", "django.db.backends.", "scheduling.")  # told by the run's row, or of no use there

_current: ContextVar["RunLog | None"] = ContextVar("_current", default=None)


class RunLog:
    """The lines of one run: collected in memory, written in chunks, cut at the limit."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.secrets = secrets_in(registry.named(snapshot.task, snapshot.arguments))
        self.room = options().log_limit
        self.lines: list[str] = []
        self.lock = threading.Lock()
        self.writing = threading.Lock()

    def add(self, line: str) -> None:
        with self.lock:
            if self.room <= 0:
                return
            self.room -= len(line) + 1
            if self.room <= 0:
                line = f"{line[: self.room]}\n[cut: this run logs more than {options().log_limit} characters]"
            self.lines.append(line)
        _writer.wake(self)

    def write(self) -> None:
        """Store what has been collected; what cannot be stored now is kept for the next time.

        Waits for a write that is under way, so that after the last one all is stored.
        """
        with self.writing:
            with self.lock:
                lines, self.lines = self.lines, []
            if not lines:
                return
            try:
                LogChunk.objects.create(execution_id=self.snapshot.id, text="\n".join(lines) + "\n")
            except DatabaseFailure:
                connection.close_if_unusable_or_obsolete()
                with self.lock:
                    self.lines = lines + self.lines


class RunLogHandler(logging.Handler):
    """Hands each record to the run in whose context it was made."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        run = _current.get() or _writer.only_run()
        if run is None or run.room <= 0 or f"{record.name}.".startswith(NOT_KEPT):
            return
        try:
            with hiding(run.secrets):  # the line may come from a thread that the task has started
                run.add(plain(self.format(record)))
        except Exception:
            self.handleError(record)


class _Writer:
    """One thread per process that writes the logs of the runs now going."""

    def __init__(self) -> None:
        self.runs: set[RunLog] = set()
        self.pending = threading.Event()
        self.thread: threading.Thread | None = None
        self.lock = threading.Lock()

    def only_run(self) -> RunLog | None:
        """The run, if just one is going: threads that a task starts have no context of their own."""
        with self.lock:
            return next(iter(self.runs)) if len(self.runs) == 1 else None

    def wake(self, run: RunLog) -> None:
        with self.lock:
            if run in self.runs and self.thread is None:
                self.thread = threading.Thread(target=self.work, name="run-logs", daemon=True)
                self.thread.start()
        self.pending.set()

    def work(self) -> None:
        pause = threading.Event()
        while True:
            self.pending.wait()
            pause.wait(WRITE_EVERY)
            self.pending.clear()
            with self.lock:
                runs = list(self.runs)
            for run in runs:
                run.write()
            if not runs:
                connection.close()  # an idle process keeps none for its logs


def name_run(record: logging.LogRecord) -> bool:
    """A filter that lets all pass, and tells the other handlers whose line it is."""
    run = _current.get() or _writer.only_run()
    if run is not None and run.secrets and _current.get() is None:  # they redact, but know no secret of this thread
        with hiding(run.secrets):
            record.msg, record.args = redact(record.getMessage()), ()
    if run is not None and not hasattr(record, "execution"):
        record.job, record.execution, record.worker = run.snapshot.job, run.snapshot.id, run.snapshot.worker
    elif getattr(record, "worker", None) is None:
        record.worker = _worker
    return True


def name_worker(worker: object) -> None:
    """Tell with each line of this process whose it is: of several schedulers, one log may have all lines."""
    global _worker
    _worker = worker
    _name_all()


def _name_all() -> None:
    for handler in logging.getLogger().handlers:
        if handler is not _handler and name_run not in handler.filters:
            handler.addFilter(name_run)


def _listen() -> None:
    root = logging.getLogger()
    if _handler not in root.handlers:
        _name_all()
        root.addHandler(_handler)


_writer = _Writer()
_handler = RunLogHandler()
_worker: object = None  # the scheduler that turns in this process


@contextmanager
def captured(snapshot: Snapshot) -> Iterator[None]:
    """Keep what is logged inside as the log of the run; all is written when it ends.

    What the run was given as a secret is in nothing that is redacted inside.
    """
    _listen()
    run = RunLog(snapshot)
    token = _current.set(run)
    with _writer.lock:
        _writer.runs.add(run)
    try:
        with hiding(run.secrets):
            yield
    finally:
        _current.reset(token)
        with _writer.lock:
            _writer.runs.discard(run)
        _writer.pending.set()
        for _ in range(LAST_TRIES):
            run.write()
            if not run.lines:
                break
