"""Probes: figures and health for those who may see them, the truth about a scheduler, and 503 when it is bad."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from project import probes
from scheduling import store
from scheduling.models import WorkerState
from tests.factories import make_worker

pytestmark = pytest.mark.django_db
ALL = ("view_job", "view_execution", "view_worker")
MINUTE = timedelta(minutes=1)


def header(*permissions: str, scope: str = "read") -> dict[str, str]:
    """The header of a token whose user has these permissions."""
    user = User.objects.create_user(f"user-{User.objects.count()}")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    _, text = store.create_token(user, (scope,), by="test", now=timezone.now())
    return {"Authorization": f"Bearer {text}"}


def at_work(**columns: Any) -> None:
    now = timezone.now()
    make_worker(**{"heartbeat_at": now, "turned_at": now, "started_at": now - MINUTE, **columns})


@pytest.mark.parametrize("path", ["/metrics", "/health/scheduler", "/health/scheduler/"])
def test_nobody_comes_in_without_a_proof(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    assert b"rota_" not in answer.content
    assert b"elsewhere" not in answer.content


@pytest.mark.parametrize(("path", "needed"), [("/metrics", ALL), ("/health/scheduler", ("view_worker",))])
def test_each_permission_is_needed(client: Client, path: str, needed: tuple[str, ...]) -> None:
    at_work()
    assert client.get(path, headers=header(*needed)).status_code == 200
    for missing in needed:
        assert client.get(path, headers=header(*set(needed) - {missing})).status_code == 403
    assert client.get(path, headers=header(*needed, scope="run")).status_code == 403


@pytest.mark.parametrize("path", ["/metrics", "/health/scheduler"])
def test_a_login_opens_too_and_nothing_but_a_look_is_allowed(admin_client: Client, path: str) -> None:
    at_work()
    assert admin_client.get(path).status_code == 200
    assert admin_client.post(path).status_code == 405
    assert "no-store" in admin_client.get(path)["Cache-Control"]


def test_metrics_are_open_only_when_a_setting_says_so(client: Client, settings: Settings) -> None:
    settings.METRICS_OPEN = True
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"\nrota_workers{" in answer.content
    assert client.get("/health/scheduler").status_code == 401


def test_the_format_follows_the_accept_header(admin_client: Client) -> None:
    answer = admin_client.get(
        "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    )
    assert answer["Content-Type"].startswith("application/openmetrics-text")
    assert answer.content.endswith(b"# EOF\n")


def test_a_scheduler_at_work_is_well(admin_client: Client) -> None:
    at_work(queues={"default": 4})
    at_work(turned_at=timezone.now() - 10 * MINUTE)
    answer = admin_client.get("/health/scheduler")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert {worker["state"] for worker in answer.json()["workers"]} == {"alive", "stalled"}


@pytest.mark.parametrize(
    ("columns", "state", "says"),
    [
        ({"turned_at": 10 * MINUTE}, "stalled", "elsewhere:1 is stalled since"),
        ({"heartbeat_at": 10 * MINUTE, "turned_at": 10 * MINUTE}, "silent", "start another"),
        ({"state": WorkerState.STOPPING, "turned_at": 10 * MINUTE}, "stopping", "another has to follow"),
    ],
)
def test_one_that_is_not_at_work_fails_and_says_what_to_do(
    admin_client: Client, columns: dict[str, Any], state: str, says: str
) -> None:
    now = timezone.now()
    at_work(**{name: now - given if isinstance(given, timedelta) else given for name, given in columns.items()})
    answer = admin_client.get("/health/scheduler")
    assert answer.status_code == 503
    assert answer.json()["workers"][0]["state"] == state
    assert says in answer.json()["detail"]
    assert f"{now - 10 * MINUTE:%H:%M}" in answer.json()["detail"]


def test_none_at_all_fails_and_tells_how_to_start_one(admin_client: Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = admin_client.get("/health/scheduler")
    assert [each.levelname for each in caplog.records] == ["WARNING"], "an error would mail the admins, each time"
    assert answer.status_code == 503
    assert "has ever been started" in answer.json()["detail"]
    assert "manage.py runscheduler" in answer.json()["detail"]


@pytest.mark.parametrize(("state", "says"), [(WorkerState.STOPPED, "stopped at"), (WorkerState.DEAD, "declared dead")])
def test_the_one_that_was_last_is_named(admin_client: Client, state: WorkerState, says: str) -> None:
    at_work(state=state, stopped_at=timezone.now())
    answer = admin_client.get("/health/scheduler")
    assert answer.status_code == 503
    assert "elsewhere:1" in answer.json()["detail"]
    assert says in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/metrics", "/health/scheduler"])
def test_a_database_that_is_away_is_no_crash(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    def away() -> Callable[[], None]:
        raise OperationalError("no route to host 10.1.2.3")

    monkeypatch.setattr(probes, "_now", away)
    answer = admin_client.get(path)
    assert answer.status_code == 503
    assert b"10.1.2.3" not in answer.content
    assert [each.levelname for each in caplog.records] == ["WARNING"]
