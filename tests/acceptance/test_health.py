"""A scheduler whose process lives and whose heart beats, but whose loop stands still, is not well; all probes tell."""

import subprocess
import sys

import pytest
from django.test import Client
from pytest_django import Settings

from scheduling.models import Worker, WorkerState
from tests.acceptance.rota import ROOT, Rota

pytestmark = pytest.mark.sqlite_only

SPANS = {"HEARTBEAT": 0.3, "STALE_AFTER": 3.0, "POLL": 0.2}
BLOCKED = """
import threading
import django
django.setup()
from apscheduler.events import EVENT_JOB_EXECUTED
from scheduling.loop import Scheduler
scheduler = Scheduler(skip_initial=True)
scheduler.add_listener(lambda event: threading.Event().wait(), EVENT_JOB_EXECUTED)
scheduler.start()
"""


@pytest.fixture
def environment(rota: Rota, settings: Settings) -> dict[str, str]:
    """Of processes, and in this one, whose spans are short."""
    settings.SCHEDULING = {**settings.SCHEDULING, **SPANS}
    return {**rota.environment, **{name: str(seconds) for name, seconds in SPANS.items()}}


def status(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", "scheduler", "status"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_loop_that_a_listener_blocks_fails_every_probe(
    rota: Rota, environment: dict[str, str], admin_client: Client
) -> None:
    with rota.log.open("ab") as log:
        command = [sys.executable, "-c", BLOCKED]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    rota.processes.append(process)
    rota.until(lambda: admin_client.get("/health/scheduler").status_code == 200)
    assert status(environment).returncode == 0

    run = rota.ended(rota.ask("echo"))
    rota.until(lambda: admin_client.get("/health/scheduler").status_code == 503)
    answer = admin_client.get("/health/scheduler")
    worker = Worker.objects.get()
    assert answer.json()["workers"][0]["state"] == "stalled"
    assert f"{worker} is stalled since {worker.turned_at:%Y-%m-%d %H:%M:%S} UTC." in answer.json()["detail"]
    assert worker.state == WorkerState.ALIVE
    assert worker.heartbeat_at > worker.turned_at
    assert run.finished_at is not None
    assert worker.heartbeat_at > run.finished_at
    assert process.poll() is None

    told = status(environment)
    assert told.returncode == 1, told.stdout + told.stderr
    assert 'rota_workers{state="stalled"} 1.0' in admin_client.get("/metrics").content.decode()
