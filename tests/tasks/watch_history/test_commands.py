"""The commands, as processes: what they print, and how they end."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from scheduling.models import Job
from tasks.demo.upstream import Upstream
from tasks.models import Status, TaskRecord

MANAGE = str(Path(__file__).parents[3] / "manage.py")


@pytest.fixture
def environment(configured: dict[str, Any], database_url: str) -> dict[str, str]:
    """The configuration as environment variables, for a process of its own."""
    Path(configured["DATA_DIR"]).mkdir()
    names = [name for name in configured if name.startswith(("TRAKT", "TMDB", "PRIMARY", "DATA"))]
    users = {"ADDITIONAL_USERS": ",".join(configured["ADDITIONAL_USERS"])}
    return {**os.environ, **users, **{name: str(configured[name]) for name in names}}


def manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, MANAGE, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_update_trakt_updates_one_user(environment: dict[str, str]) -> None:
    done = manage(environment, "update_trakt", "--user", "ada", "--no-enrichment")
    assert done.returncode == 0, done.stderr
    assert "ada: new 330" in done.stdout
    assert TaskRecord.objects.get().label == "ada"
    assert json.loads((Path(environment["DATA_DIR"]) / "trakt_history.json").read_text())["count"] == 330


@pytest.mark.sqlite_only
def test_update_trakt_with_a_limit_fetches_the_newest(environment: dict[str, str], upstream: Upstream) -> None:
    done = manage(environment, "update_trakt", "--user", "grace", "--limit", "5", "--no-enrichment")
    assert done.returncode == 0, done.stderr
    assert "grace: new 5" in done.stdout
    assert upstream.asked("/history") == 1


@pytest.mark.sqlite_only
def test_update_trakt_that_fails_ends_with_1(environment: dict[str, str], upstream: Upstream) -> None:
    upstream.fail("/users/ada", 423, times=9)
    done = manage(environment, "update_trakt", "--user", "ada")
    assert done.returncode == 1
    assert "locked" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    "arguments", [[], ["--user", "eve"], ["--user", "../../etc/x"], ["--user", "ada", "--limit", "0"]]
)
def test_update_trakt_called_wrongly_ends_with_2(environment: dict[str, str], arguments: list[str]) -> None:
    done = manage(environment, "update_trakt", *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.sqlite_only
def test_update_trakt_without_users_says_what_to_set(environment: dict[str, str]) -> None:
    nobody = {"PRIMARY_USER": "", "ADDITIONAL_USERS": "", "TRAKT_CLIENT_ID": ""}
    done = manage(environment | nobody, "update_trakt", "--user", "ada")
    assert done.returncode == 2
    assert "Set PRIMARY_USER and TRAKT_CLIENT_ID" in done.stderr


def test_update_trakt_closes_what_a_killed_one_left_open(environment: dict[str, str]) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    killed = TaskRecord.objects.create(task_name="update_trakt", label="ada", started_at=long_ago)
    done = manage(environment, "update_trakt", "--user", "grace", "--limit", "5", "--no-enrichment")
    assert done.returncode == 0, done.stderr
    killed.refresh_from_db()
    assert killed.status == Status.INTERRUPTED


@pytest.mark.sqlite_only
@pytest.mark.parametrize(("others", "minutes"), [(0, 60), (4, 60), (8, 95)])
def test_each_user_has_his_time_in_the_hourly_job(environment: dict[str, str], others: int, minutes: int) -> None:
    users = ",".join(f"user{number}" for number in range(others))
    done = manage(environment | {"ADDITIONAL_USERS": users, "USER_TIMEOUT": "600"}, "syncjobs")
    assert done.returncode == 0, done.stderr
    assert Job.objects.get(pk="update_watch_history").timeout == timedelta(minutes=minutes)


@pytest.mark.sqlite_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_upstream_serves_until_it_is_told_to_stop(environment: dict[str, str], number: int) -> None:
    command = [sys.executable, "-u", MANAGE, "demo_upstream", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "http://127.0.0.1:" in process.stdout.readline()
        token = json.loads(Path(environment["TRAKT_TOKEN_FILE"]).read_text())
        assert token["refresh_token"]
        process.send_signal(number)
        assert process.wait(5) == 0


@pytest.mark.sqlite_only
def test_demo_upstream_on_a_taken_port_says_so(environment: dict[str, str], upstream: Upstream) -> None:
    done = manage(environment, "demo_upstream", "--port", upstream.url.rpartition(":")[2])
    assert done.returncode == 1
    assert "cannot be used" in done.stderr
