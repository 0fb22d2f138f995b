"""The lines of the source systems' guides, as they stand there: only a token comes along, and the port leads to us."""

import json
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from pytest_django.live_server_helper import LiveServer

from scheduling import store
from scheduling.models import Job
from tasks.social.models import Account, Business, Failure, Sync
from tasks.social.tasks import ALL, sync_all_businesses_job
from tests.factories import NOON, make_job, make_worker

PORTS = (8000, 8003, 8080)  # where the guides have their servers
pytestmark = [
    pytest.mark.sqlite_only,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("curl") is None, reason="No curl is installed: apt-get install curl."),
]
STATUS = "curl http://localhost:8003/api/v1/scheduler/status"
JOBS = "curl http://localhost:8003/api/v1/scheduler/jobs"
NEXT = "curl http://localhost:8003/api/v1/scheduler/status | jq '.status.jobs[0].next_run_time'"
TASKS = "curl http://localhost:8000/api/tasks/scheduler/status"
WORKER = "curl http://localhost:8000/api/tasks/worker/status"
SYNC_ALL = "curl -X POST http://localhost:8003/api/v1/scheduler/trigger-sync"
SYNC_ONE = 'curl -X POST "http://localhost:8003/api/v1/scheduler/trigger-sync?business_id={}"'
SCHEDULE = 'curl -X POST "http://localhost:8003/api/v1/scheduler/business/{}/schedule?interval_hours=24"'
UNSCHEDULE = "curl -X DELETE http://localhost:8003/api/v1/scheduler/business/{}/schedule"
ERRORS = 'curl "http://localhost:8003/api/v1/analytics/refresh?business_id={}"'
HEALTH = "curl http://localhost:8000/health"


class Shell:
    """Runs a line where curl knows, from its own settings, the way to the server and the token."""

    def __init__(self, folder: Path, server: str, token: str = "") -> None:
        where = urlsplit(server)
        way = [f'connect-to = "localhost:{port}:{where.hostname}:{where.port}"' for port in PORTS]
        proof = [f'header = "Authorization: Bearer {token}"'] if token else []
        (folder / ".curlrc").write_text("\n".join(["silent", *way, *proof]))
        self.environment = {**os.environ, "CURL_HOME": str(folder), "HOME": str(folder)}

    def said(self, line: str) -> Any:
        """What the line has printed, JSON or nothing."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line], env=self.environment, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout or "null")


@pytest.fixture
def job() -> Job:
    now = timezone.now()
    make_worker(heartbeat_at=now, turned_at=now)
    return make_job(id="daily", next_run_time=now + timedelta(hours=1))


@pytest.fixture
def shell(tmp_path: Path, live_server: LiveServer, job: Job) -> Shell:
    """Of someone who has a token for everything."""
    boss = User.objects.create_superuser("boss")
    _, text = store.create_token(boss, ["read", "run", "write"], by="test", now=timezone.now())
    return Shell(tmp_path, live_server.url, text)


def test_the_status_says_that_it_runs_and_what_comes(shell: Shell, job: Job) -> None:
    status = shell.said(STATUS)["status"]
    assert status["running"] is True
    assert [each["id"] for each in status["jobs"]] == ["daily"]


@pytest.mark.skipif(shutil.which("jq") is None, reason="No jq is installed: apt-get install jq.")
def test_a_shell_reads_the_next_run(shell: Shell, job: Job) -> None:
    told = parse_datetime(shell.said(NEXT))
    assert told is not None
    assert job.next_run_time is not None
    assert abs(told - job.next_run_time) < timedelta(seconds=1)


def test_all_scheduled_jobs_are_listed(shell: Shell) -> None:
    assert '"daily"' in json.dumps(shell.said(JOBS))


def test_the_addresses_below_tasks_answer_too(shell: Shell) -> None:
    assert '"daily"' in json.dumps(shell.said(TASKS))
    assert shell.said(WORKER)["status"] == "idle"


def test_businesses_are_synced_and_scheduled_as_the_guide_shows(shell: Shell, settings: Any) -> None:
    settings.SOCIAL = {**settings.SOCIAL, "X_CLIENT_ID": "demo"}
    make_job(id=ALL, task=sync_all_businesses_job.module_path, trigger="manual", next_run_time=None)
    business = Business.objects.create(name="Quay")
    assert shell.said(SYNC_ALL)["status"] == "started"
    assert shell.said(SYNC_ONE.format(business.pk))["business_id"] == business.pk
    assert shell.said(SCHEDULE.format(business.pk))["interval_hours"] == 24
    assert Job.objects.get(pk=f"sync_business_{business.pk}").tenant == business.tenant
    assert shell.said(UNSCHEDULE.format(business.pk)) is None
    assert not Job.objects.filter(tenant=business.tenant).exists()
    sync = Sync.objects.create(business=business, run="1", state="done", started_at=NOON, finished_at=NOON)
    account = Account.objects.create(business=business, platform="x", external_id="1", name="quay")
    Failure.objects.create(sync=sync, account=account, platform_post_id="7", code="gone", message="Not there", at=NOON)
    assert "Not there" in json.dumps(shell.said(ERRORS.format(business.pk)))


def test_health_needs_no_token(tmp_path: Path, live_server: LiveServer, job: Job) -> None:
    stranger = Shell(tmp_path, live_server.url)
    assert stranger.said(HEALTH) == {"status": "ok"}
    assert stranger.said(STATUS)["status"] == 401
