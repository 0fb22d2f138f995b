"""A worker whose network goes silent: it notices, stops what must not run twice, and overwrites nothing afterwards."""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from scheduling.models import Execution, State, Worker, WorkerState
from tests.acceptance.proxy import Proxy
from tests.acceptance.rota import Rota

pytestmark = [
    pytest.mark.skipif("connection.vendor == 'sqlite'", reason="a file is behind no network"),
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux drops packets when told to"),
]
PACE = {"HEARTBEAT": "1", "STALE_AFTER": "6", "KILL_GRACE": "1"}
STOPPED = 4 + 1  # seconds after the last heartbeat: the silence that these settings bear, and the grace
SLACK = 1.5  # seconds, of a busy machine


@pytest.fixture
def network(database_url: str) -> Iterator[Proxy]:
    found = connection.settings_dict
    proxy = Proxy(found["HOST"] or "127.0.0.1", int(found["PORT"] or {"postgresql": 5432}.get(connection.vendor, 3306)))
    yield proxy
    proxy.end()


def through(proxy: Proxy, database_url: str) -> str:
    """The address of the same database on the other side of `proxy`."""
    parts = urlsplit(database_url)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{proxy.port}"))


def ticks(rota: Rota, name: str) -> list[list[float]]:
    """The moments that each process has marked, in the order of their first ones."""
    by_process = defaultdict(list)
    for line in rota.lines(name):
        pid, moment = line.split()
        by_process[pid].append(float(moment))
    return sorted(by_process.values())


def ask(rota: Rota, name: str, **columns: bool) -> Execution:
    run = rota.ask("ticks", id=name, arguments={"path": rota.path(name), "seconds": 120}, **columns)
    rota.until(lambda: rota.lines(name))
    return run


def test_a_silent_network_is_noticed_and_only_exclusive_runs_stop(
    rota: Rota, network: Proxy, database_url: str
) -> None:
    rota.start(DATABASE_URL=through(network, database_url), **PACE)
    exclusive, plain = ask(rota, "exclusive", exclusive=True), ask(rota, "plain")
    network.cut()
    cut_at = time.monotonic()
    rota.until(lambda: "No heartbeat: " in rota.log.read_text(), within=12 + SLACK)  # given up, not waited for
    assert ticks(rota, "exclusive")[0][-1] - cut_at < STOPPED + SLACK
    assert ticks(rota, "plain")[0][-1] > time.monotonic() - SLACK
    network.mend()
    assert rota.ended(exclusive).state == State.LOST
    assert "cut off" in exclusive.reason
    assert (rota.state(plain), Worker.objects.get().state) == (State.RUNNING, WorkerState.ALIVE)


def test_a_worker_declared_dead_while_cut_off_leaves_all_to_its_rescuer(
    rota: Rota, network: Proxy, database_url: str
) -> None:
    cut_off = rota.start(DATABASE_URL=through(network, database_url), **PACE)
    Worker.objects.update(boot_id="another kernel", host="elsewhere")
    exclusive = ask(rota, "exclusive", exclusive=True, idempotent=True)
    plain = ask(rota, "plain")
    rota.start(**PACE)
    network.cut()
    assert rota.ended(exclusive).state == rota.ended(plain).state == State.LOST
    rota.until(lambda: len(ticks(rota, "exclusive")) == 2)  # the rescuer runs it again
    first, second = ticks(rota, "exclusive")
    assert first[-1] < second[0]
    rota.until(lambda: ticks(rota, "plain")[0][-1] > second[0])

    before = Execution.objects.filter(pk__in=[exclusive.pk, plain.pk]).values_list("state", "fence", "finished_at")
    as_rescued = list(before)
    network.mend()
    assert cut_off.wait(30) == 70
    rota.until(lambda: ticks(rota, "plain")[0][-1] < time.monotonic() - SLACK)  # it died with its worker
    assert list(before.all()) == as_rescued
    assert rota.state(Execution.objects.get(root=exclusive)) == State.RUNNING
