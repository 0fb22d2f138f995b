"""How a log record becomes a line: for people, or as JSON; nothing that is logged can forge a second line."""

import fcntl
import json
import logging
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from typing import Any

from project.requests import RequestFilter

UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # controls, invisible marks, half characters, line ends
NOT_PLAIN = re.compile(r"[^ -~]")
CONTEXT = ("job", "execution", "worker")  # what scheduling adds to the records of a run
REQUEST = ("request_id", "user", "method", "path", "status", "milliseconds")  # what project.requests adds
REDACT = "ext://scheduling.redact.redact"  # found when the logs are set up, since settings import no app
QUIET: dict[str, Any] = {  # loggers that would say what others say, or too much
    "django.server": {"handlers": [], "propagate": True},
    "django.tasks": {"level": "CRITICAL"},  # so does scheduling, of each run
    "apscheduler": {"level": "WARNING"},  # the scheduler says itself what it starts
    "httpx": {"level": "WARNING"},  # its lines hold whole addresses, secrets included
}


def printable(text: str) -> str:
    """`text` with everything escaped that moves a cursor, colours a terminal or ends a line."""
    return NOT_PLAIN.sub(_escape, text)


def configuration(level: str, style: str, file: str, admins: bool) -> dict[str, Any]:
    """Django's LOGGING: lines to the console, and to `file` if named; crashes of pages to the admins.

    `level` holds for console and file. The loggers let INFO pass in any case: a run's own log is made of it.
    """
    passed = min(level, "INFO", key=logging.getLevelNamesMapping().__getitem__)
    lined: dict[str, Any] = {"formatter": style, "level": level, "filters": ["request"]}
    handlers: dict[str, Any] = {"console": {"class": "logging.StreamHandler", **lined}}
    if file:
        handlers["file"] = {"()": SharedRotatingFileHandler, "filename": file, **lined}
    lines = list(handlers)
    if admins:
        handlers["mail"] = {"class": "project.crashes.Mails", "level": "ERROR"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {name: {"()": kind, "redact": REDACT} for name, kind in FORMATTERS.items()},
        "filters": {"request": {"()": RequestFilter}},
        "handlers": handlers,
        "root": {"handlers": lines, "level": passed},
        "loggers": {**QUIET, "django": {"handlers": ["mail"] if admins else [], "level": passed}},
    }


class Redacting(logging.Formatter):
    """A formatter that takes the secrets out of each text before it becomes part of a line."""

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        super().__init__()
        self.redact = redact

    def message(self, record: logging.LogRecord) -> str:
        return self.redact(record.getMessage())

    def traceback(self, record: logging.LogRecord) -> str:
        return self.redact(trouble(self, record))


class TextFormatter(Redacting):
    """`2026-03-01T02:00:00.123Z INFO scheduling.store [job execution worker] message`; "-" if unknown.

    A line of a page has the id of its request behind the worker.
    """

    def format(self, record: logging.LogRecord) -> str:
        context = [str(known(record, name) or "-") for name in CONTEXT]
        request = known(record, "request_id")
        told = printable(self.redact(" ".join([*context, str(request)] if request else context)))
        head = f"{moment(record)} {record.levelname} {printable(record.name)} [{told}]"
        lines = [f"    {printable(line)}" for line in self.traceback(record).splitlines()]
        return "\n".join([f"{head} {printable(self.message(record))}", *lines])


class JSONFormatter(Redacting):
    """One JSON object a line, pure ASCII; null for what is not known of a run, nothing for what is not of a request."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": self.message(record),
        }
        entry |= {name: self._plain(known(record, name)) for name in CONTEXT}
        entry |= {name: self._plain(value) for name in REQUEST if (value := known(record, name)) is not None}
        if traceback := self.traceback(record):
            entry["traceback"] = traceback
        return json.dumps(entry)

    def _plain(self, value: object) -> object:
        return value if value is None or isinstance(value, int) else self.redact(str(value))


FORMATTERS: dict[str, type[Redacting]] = {"text": TextFormatter, "json": JSONFormatter}  # LOG_FORMAT


class SharedRotatingFileHandler(RotatingFileHandler):
    """A rotating file that several processes write: they take turns, and follow when one has rotated it."""

    SIZE = 10_000_000  # bytes
    KEPT = 5  # older files

    def __init__(self, filename: str) -> None:
        super().__init__(filename, maxBytes=self.SIZE, backupCount=self.KEPT, encoding="utf-8", delay=True)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            with self._turn():
                self._follow()
                super().emit(record)
        except OSError:
            self.handleError(record)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with open(f"{self.baseFilename}.lock", "a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _follow(self) -> None:
        """Go where another process has been meanwhile: to the end of the file, or to the new one."""
        if not self.stream:
            return
        try:
            current = os.path.samestat(os.stat(self.baseFilename), os.fstat(self.stream.fileno()))
        except FileNotFoundError:
            current = False
        if not current:
            self.stream.close()
            self.stream = self._open()
        self.stream.seek(0, os.SEEK_END)


def moment(record: logging.LogRecord) -> str:
    """When it was logged, in UTC."""
    made = datetime.fromtimestamp(record.created, tz=UTC)
    return made.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def known(record: logging.LogRecord, name: str) -> object:
    """What scheduling told about the run; None when the record belongs to none."""
    return getattr(record, name, None)


def trouble(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """The traceback and the stack of a record, or nothing."""
    parts = [formatter.formatException(record.exc_info)] if record.exc_info else []
    parts += [record.exc_text] if record.exc_text and not record.exc_info else []
    parts += [record.stack_info] if record.stack_info else []
    return "\n".join(parts)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if unicodedata.category(character) not in UNPRINTABLE:
        return character
    return character.encode("unicode_escape").decode("ascii")
