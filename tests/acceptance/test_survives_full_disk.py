"""No space is left for the database: the scheduler says so, holds on to what it knows, and goes on when there is."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psutil
import pytest
from django.db import connection
from django.utils import timezone

from scheduling.models import Execution, LogChunk, State
from tests.acceptance.books import PACE, close_books, open_books, works_since
from tests.acceptance.rota import Rota

SPELL = 4.0  # seconds
BACK_AGAIN = timedelta(seconds=5)
SMALL, LARGE = 128 * 1024, 512 * 1024  # bytes: more than a log of ours, and more than that
TABLES = ("scheduling_execution", "scheduling_worker", "scheduling_logchunk")


@contextmanager
def full_disk(rota: Rota, run: Execution) -> Iterator[None]:
    """As long as this lasts, each write of the schedulers fails as it does where no space is left."""
    kind = {"sqlite": _limit, "postgresql": _refuse_on_postgresql, "mysql": _refuse_on_mariadb}[connection.vendor]
    with kind(rota, run):
        yield


@contextmanager
def _limit(rota: Rota, run: Execution) -> Iterator[None]:
    """No file may grow, for the schedulers and their children; SQLite appends to a log that is larger already."""
    if not hasattr(psutil, "RLIMIT_FSIZE"):
        pytest.skip("only Linux lets one process limit another")
    LogChunk.objects.create(execution=run, text="x" * LARGE)
    parents = [psutil.Process(process.pid) for process in rota.processes]
    family = [*parents, *(child for parent in parents for child in parent.children(recursive=True))]
    for process in family:
        process.rlimit(psutil.RLIMIT_FSIZE, (SMALL, psutil.RLIM_INFINITY))
    yield
    for process in family:
        process.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))


@contextmanager
def _refuse_on_postgresql(rota: Rota, run: Execution) -> Iterator[None]:
    message = "could not extend file: No space left on device"
    body = f"BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '53100'; END"
    _execute(f"CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
    for table in TABLES:
        _execute(
            f"CREATE TRIGGER no_space BEFORE INSERT OR UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION no_space()"
        )
    yield
    _execute("DROP FUNCTION no_space CASCADE")


@contextmanager
def _refuse_on_mariadb(rota: Rota, run: Execution) -> Iterator[None]:
    refusal = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'No space left: the table is full'"
    events = [(table, event) for table in TABLES for event in ("INSERT", "UPDATE")]
    for table, event in events:
        _execute(f"CREATE TRIGGER no_space_{table}_{event} BEFORE {event} ON {table} FOR EACH ROW {refusal}")
    yield
    for table, event in events:
        _execute(f"DROP TRIGGER no_space_{table}_{event}")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_full_disk_is_waited_for(rota: Rota) -> None:
    process = rota.start(**PACE)
    open_books(rota)
    run = rota.ask("rest", arguments={"seconds": 2, "path": rota.path("rested")})
    rota.until(lambda: rota.lines("rested") == ["begin"])
    works_since(rota, timezone.now())

    with full_disk(rota, run):
        filled = timezone.now()
        rota.until(lambda: timezone.now() > filled + timedelta(seconds=SPELL))
        assert process.poll() is None
        assert rota.lines("rested") == ["begin", "end"]
        assert rota.state(run) == State.RUNNING
        assert not Execution.objects.filter(started_at__gt=filled + timedelta(seconds=1)).exists()
        log = rota.log.read_text()
        assert "trying again" in log
        assert "disk I/O error" in log or "No space left" in log

    assert works_since(rota, timezone.now()) < BACK_AGAIN
    assert (rota.ended(run).state, run.result) == (State.SUCCEEDED, "rested")
    assert run.duration is not None
    assert run.duration < timedelta(seconds=3)
    close_books(rota)
    assert rota.stop(process) == 0
