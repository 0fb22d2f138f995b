"""The first page for people of a tenant: each part of it, from their own rows alone."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from scheduling.models import Cause, Execution, Job, State
from tests.factories import make_execution, make_job, make_worker
from tests.scheduling.tenants import browser, people  # noqa: F401  # fixtures

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]
MINUTE = timedelta(minutes=1)


def rows(tenant: str, now: datetime) -> None:
    """Something for each part of the page."""
    job = make_job(id=f"{tenant}-armed", name=f"{tenant}-armed", tenant=tenant, next_run_time=now + MINUTE)
    make_job(id=f"{tenant}-parked", name=f"{tenant}-parked", tenant=tenant, next_run_time=None, parked_reason="Gone.")
    late = 7 if tenant == "acme" else 700
    times = {"scheduled_for": now - timedelta(seconds=late), "started_at": now, "finished_at": now}
    make_execution(job, state=State.FAILED, created_at=now, run_after=now, **times)
    make_execution(job, state=State.RUNNING, started_at=now, worker=make_worker())
    make_execution(job, state=State.QUEUED, run_after=now, queue=f"{tenant}-lane")
    lost = {"state": State.LOST, "cause": Cause.INTERRUPTED, "started_at": now, "finished_at": now, "run_after": now}
    make_execution(make_job(id=f"{tenant}-lost", tenant=tenant, next_run_time=None), **lost)
    missed = {"state": State.SKIPPED, "cause": Cause.MISSED, "finished_at": now}
    make_execution(job, **missed, scheduled_for=now - 5 * MINUTE)


@pytest.fixture
def parts(browser: Client) -> dict[str, Any]:  # noqa: F811
    now = timezone.now() - timedelta(seconds=1)
    for tenant in ("acme", "globex", ""):
        rows(tenant, now)
    return dict(browser.get("/admin/").context["dashboard"])


def named(found: Any) -> set[str]:
    return {each.pk if isinstance(each, Job) else str(each.job_id) for each in found}


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("upcoming", lambda part: named(row[0] for row in part) == {"acme-armed"}),
        ("parked", lambda part: named(row[0] for row in part) == {"acme-parked"}),
        ("failing", lambda part: named(row[0] for row in part) <= {"acme-armed", "acme-lost"}),
        ("running", lambda part: named(row[0] for row in part) == {"acme-armed"}),
        ("missed", lambda part: named(row["job"] for row in part) == {"acme-armed"}),
        ("waiting", lambda part: [(row["queue"], row["ready"]) for row in part] == [("acme-lane", 1)]),
        ("totals", lambda part: {label: count for label, _, count in part}["Failed"] == 1),
        ("totals", lambda part: sum(count for *_, count in part) == 3),
        ("lateness", lambda part: part["max"] == "7 s"),
        ("chart", lambda part: part["highest"] == 3),
    ],
)
def test_a_part_is_made_of_own_rows(part: str, told: Callable[[Any], bool], parts: dict[str, Any]) -> None:
    assert told(parts[part]), parts[part]


def test_what_is_about_the_whole_installation_is_left_out(parts: dict[str, Any]) -> None:
    assert "scheduler" not in parts
    assert "incidents" not in parts
    assert Execution.objects.exclude(tenant="acme").count() == 10
    assert not any(row["backfill"] for row in parts["missed"])
