"""Notices from end to end: a real scheduler, a real gunicorn; Discord, a web hook and a pinged watcher on loopback."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from scheduling import store
from scheduling.models import Event, Incident, Job, Notice, NoticeRule, NoticeState, State
from tests.acceptance.rota import ROOT, Rota
from tests.scheduling.notices.conftest import Ear

pytestmark = pytest.mark.sqlite_only

FAST = {"NOTICE_EVERY": "0.2", "NOTICE_TOGETHER": "0.1", "HEARTBEAT": "0.5", "STALE_AFTER": "4"}


@pytest.fixture
def ear() -> Iterator[Ear]:
    server = Ear()
    yield server
    server.close()


@pytest.fixture
def environment(ear: Ear) -> dict[str, str]:
    """Channels hook and discord, the ping nightly, and little patience."""
    return {
        **FAST,
        "DJANGO_SETTINGS_MODULE": "tests.acceptance.discord_settings",
        "DISCORD_ON_LOOPBACK": ear.url,
        "SITE_URL": "https://rota.example",
        "NOTICE_PRIVATE": "true",
        "NOTICE_CHANNEL_HOOK": f"{ear.url}/hook",
        "NOTICE_CHANNEL_DISCORD": "discord://4174296324/kT5gAb-secret-token-0123456789",
        "PINGS": f"nightly={ear.url}/ping/{{job}}",
    }


def make_rule(*events: str, **columns: Any) -> NoticeRule:
    plain: dict[str, Any] = {"name": "Rule", "channels": ["hook"], "since": timezone.now() - timedelta(hours=1)}
    return NoticeRule.objects.create(**{**plain, "events": list(events), **columns})


def told(ear: Ear) -> list[str]:
    """The titles that the web hook got."""
    return [json.loads(body)["title"] for path, _, body in ear.heard if path == "/hook"]


def quiet(rota: Rota) -> None:
    """Wait until nothing waits to be sent."""
    marks = [NoticeState.WAITING, NoticeState.SENDING]
    rota.until(lambda: not Notice.objects.filter(state__in=marks).exists())


def run(rota: Rota, job: Job, state: State) -> None:
    assert rota.ended(store.enqueue(job, now=timezone.now(), by="test")).state == state


def test_a_failing_job_is_told_once_on_each_channel_and_so_is_its_recovery(
    rota: Rota, ear: Ear, environment: dict[str, str]
) -> None:
    make_rule(Event.FAILED, Event.RECOVERED, channels=["hook", "discord"])
    job = rota.job("fail", id="backup", arguments={"message": "no luck"}, ping="nightly")
    rota.start(**environment)
    for _ in range(3):
        run(rota, job, State.FAILED)
    rota.until(lambda: Incident.objects.filter(count=3).exists())
    rota.until(lambda: len(told(ear)) >= 1)
    quiet(rota)
    assert told(ear) == ["backup failed"]

    Job.objects.filter(pk=job.pk).update(task="tests.workload.tasks.echo", arguments={})
    job.refresh_from_db()
    run(rota, job, State.SUCCEEDED)
    rota.until(lambda: len(told(ear)) >= 2)
    quiet(rota)
    assert told(ear) == ["backup failed", "backup is well again"]
    discord = [body.decode() for path, _, body in ear.heard if path.startswith("/api/webhooks/4174296324/")]
    assert len(discord) == 2
    assert "no luck" in discord[0]
    assert "https://rota.example/admin/scheduling/execution/" in discord[0]
    rota.until(lambda: ear.paths.count("/ping/backup") == 1)
    assert ear.paths.count("/ping/backup/start") == 4
    assert ear.paths.count("/ping/backup/fail") == 3
    assert "kT5gAb-secret-token" not in rota.log.read_text()


def test_a_restart_neither_loses_nor_repeats_a_notice(rota: Rota, ear: Ear, environment: dict[str, str]) -> None:
    make_rule(Event.FAILED)
    first, second = rota.job("fail", id="first"), rota.job("fail", id="second")
    process = rota.start(**environment)
    run(rota, first, State.FAILED)
    rota.until(lambda: told(ear) == ["first failed"])
    run(rota, second, State.FAILED)
    rota.stop(process, signal.SIGKILL)  # before it was told, or after
    rota.start(**environment)
    rota.until(lambda: Incident.objects.filter(subject="job:second").exists())
    rota.until(lambda: len(told(ear)) >= 2)
    quiet(rota)
    assert sorted(told(ear)) == ["first failed", "second failed"]


def test_the_web_side_tells_once_that_no_scheduler_is_alive(rota: Rota, ear: Ear, environment: dict[str, str]) -> None:
    process = rota.start(**environment)
    web = serve(rota, {**rota.environment, **environment})
    rota.until(lambda: rota.log.read_text().count("Booting worker") == 2)
    make_rule(Event.SILENT, silent_for=timedelta(seconds=4), since=timezone.now())
    rota.stop(process, signal.SIGKILL)
    rota.until(lambda: told(ear) == ["No scheduler is alive"])
    rota.until(lambda: Incident.objects.filter(told_at__isnull=False).exists())
    rounds_from_now = timezone.now() + timedelta(seconds=2)
    rota.until(lambda: timezone.now() > rounds_from_now)
    assert told(ear) == ["No scheduler is alive"]

    rota.start(**environment)
    rota.until(lambda: told(ear) == ["No scheduler is alive", "A scheduler is alive again"])
    assert Incident.objects.get().closed_at
    rota.stop(web)


def serve(rota: Rota, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    """gunicorn with two workers, each with a watch of its own."""
    options = ["--workers", "2", "--bind", "127.0.0.1:0", "--no-control-socket"]
    with rota.log.open("ab") as log:
        web = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "project.wsgi"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    rota.processes.append(web)
    return web
