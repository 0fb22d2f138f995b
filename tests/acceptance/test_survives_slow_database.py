"""A database that answers late, or not at all for a while: work is late too, but nothing is lost, doubled or dead."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from scheduling.models import Worker
from tests.acceptance.books import NOTED, close_books, open_books, start_two
from tests.acceptance.rota import Rota

pytestmark = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="a file answers at once, or says that it is locked"
)
SPELL = 6.0  # seconds: more than a silent worker has
LATENCY = 0.4  # seconds of each write


@pytest.fixture
def two(rota: Rota) -> Rota:
    """An installation with two schedulers at work."""
    start_two(rota)
    open_books(rota)
    rota.until(lambda: rota.lines(NOTED))
    return rota


@contextmanager
def late_writes() -> Iterator[None]:
    """Each statement (on MariaDB each row) of a write takes its time."""
    on_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if on_postgresql:
            body = f"BEGIN PERFORM pg_sleep({LATENCY}); RETURN NULL; END"
            cursor.execute(f"CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
        deed = "STATEMENT EXECUTE FUNCTION late()" if on_postgresql else f"ROW DO SLEEP({LATENCY})"
        for table in ("scheduling_execution", "scheduling_worker"):
            cursor.execute(f"CREATE TRIGGER late_{table} BEFORE UPDATE ON {table} FOR EACH {deed}")
        yield
        for table in ("scheduling_execution", "scheduling_worker"):
            cursor.execute(f"DROP TRIGGER late_{table}" + (f" ON {table}" if on_postgresql else ""))
        if on_postgresql:
            cursor.execute("DROP FUNCTION late()")


def test_a_slow_database_delays_and_doubles_nothing(two: Rota) -> None:
    ran = len(two.lines(NOTED))
    with late_writes():
        time.sleep(SPELL)
    assert len(two.lines(NOTED)) > ran
    close_books(two)


def test_a_database_that_stalls_makes_nobody_dead(two: Rota) -> None:
    """As behind a lock that somebody holds on the rows of all workers."""
    with transaction.atomic():
        list(Worker.objects.select_for_update())
        time.sleep(SPELL)
    ran = len(two.lines(NOTED))
    two.until(lambda: len(two.lines(NOTED)) > ran + 1)
    close_books(two)
