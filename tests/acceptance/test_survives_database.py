"""The database's server is stopped, killed and started again under schedulers that work: nothing is lost or doubled."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.db.utils import ConnectionHandler
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from project.databases import database
from scheduling import store
from scheduling.models import Job, State
from scheduling.sync import sync
from tests.acceptance.books import close_books, open_books, start_two, works_since
from tests.acceptance.rota import ROOT, Rota
from tests.acceptance.servers import MariaDB, NotInstalled, PostgreSQL, Server

pytestmark = pytest.mark.skipif("connection.vendor == 'sqlite'", reason="a file is no server that could be stopped")
OUTAGE = 10.0  # seconds
BACK_AGAIN = timedelta(seconds=5)  # after the server's return


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of the kind that the tests run on, of this test's own."""
    kind = PostgreSQL if connection.vendor == "postgresql" else MariaDB
    try:
        made = kind()
    except NotInstalled as error:
        pytest.skip(str(error))
    with made:
        yield made


@pytest.fixture
def rota(server: Server, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Rota]:
    """An installation on that server, which the test asks as well."""
    others = connections["default"]
    found = database(server.url, ROOT, conn_max_age=0, synchronous="FULL")
    connections["default"] = ConnectionHandler({"default": found})["default"]
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        for synced in sync(timezone.now()):
            store.pause(Job.objects.get(pk=synced.job), by="test", now=timezone.now())
        installation = Rota(tmp_path, server.url)
        yield installation
        installation.end()
        connection.close()
    connections["default"] = others


def gone_for(seconds: float, leave: Callable[[], None], server: Server) -> datetime:
    """Take the server away, and bring it back; returns the moment from which it answers."""
    connection.close()
    leave()
    time.sleep(seconds)
    server.start()
    return timezone.now()


def test_results_wait_for_a_database_that_is_gone_for_long(rota: Rota, server: Server) -> None:
    start_two(rota)
    open_books(rota)
    asked = [
        rota.ask("rest", id=f"rest-{queue}-{n}", arguments={"seconds": 4, "path": rota.path("rested")}, queue=queue)
        for n in range(2)
        for queue in ("default", "light")
    ]
    rota.until(lambda: rota.lines("rested").count("begin") == len(asked))

    returned = gone_for(OUTAGE, server.stop, server)
    assert rota.lines("rested").count("end") == len(asked)  # while nobody could be told
    assert works_since(rota, returned) < BACK_AGAIN
    for run in asked:
        rota.ended(run)
        assert (run.state, run.result) == (State.SUCCEEDED, "rested")
        assert run.duration is not None
        assert timedelta(seconds=4) <= run.duration < timedelta(seconds=5)
    close_books(rota)
    assert len(rota.lines("rested")) == 2 * len(asked)


def test_a_database_that_crashes_again_and_again_is_found_again(rota: Rota, server: Server) -> None:
    start_two(rota)
    open_books(rota)
    for leave in (server.kill, lambda: server.stop("immediate"), server.kill, lambda: server.stop("fast")):
        works_since(rota, timezone.now())
        returned = gone_for(1, leave, server)
        assert works_since(rota, returned) < BACK_AGAIN
    close_books(rota)
