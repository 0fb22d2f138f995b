"""Whatever staff, tasks or services write comes out as text, on every page; secrets do not come out."""

from typing import Any

import pytest
from django.test import Client

from scheduling.admin import columns
from scheduling.models import Change, Execution, Job, LogChunk, State, Worker
from tests.factories import NOON, make_execution, make_job, make_worker

EVIL = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{ 7 }}"""
SECRET = "sk-5f1c-very-secret"


@pytest.fixture
def evil(db: None) -> tuple[Job, Execution, Worker]:
    """A job, a run and a worker that are evil wherever a text fits."""
    worker = make_worker(host=EVIL, version=EVIL[:50], queues={EVIL: 1})
    policy: dict[str, Any] = {"arguments": {EVIL: EVIL, "password": SECRET}, "queue": EVIL[:50]}
    job = make_job(
        name=EVIL,
        code_definition={"arguments": {"password": SECRET + "2"}},
        description=EVIL,
        tags=[EVIL],
        paused_by=EVIL,
        paused_reason=EVIL,
        parked_reason=EVIL,
        **policy,
    )
    texts = {"error_class": EVIL, "error_message": EVIL, "traceback": EVIL, "result": {EVIL: EVIL, "token": SECRET}}
    run = make_execution(job, state=State.FAILED, started_at=NOON, finished_at=NOON, reason=EVIL, **texts)
    running = {"state": State.RUNNING, "started_at": NOON, "worker": worker, "progress": 0.5, "progress_text": EVIL}
    make_execution(job, requested_by=EVIL, **running)
    LogChunk.objects.create(execution=run, text=EVIL)
    Change.objects.create(job=job, action="changed", by=EVIL, reason=EVIL, fields={"name": [EVIL, EVIL]})
    return job, run, worker


def test_no_page_lets_markup_through(boss: Client, evil: tuple[Job, Execution, Worker]) -> None:
    job, run, worker = evil
    running = Execution.objects.get(state=State.RUNNING)
    doors = ("change", "history", "delete", "run", "pause", "resume", "duplicate", "recompute", "to_code")
    pages = [columns.page(job, door) for door in doors]
    pages += [columns.page(each, door) for each in (run, running) for door in ("change", "cancel", "again")]
    pages += [
        columns.page(worker),
        "/admin/",
        *(f"/admin/scheduling/{name}/" for name in ("job", "execution", "worker")),
    ]
    pages += [f"/admin/scheduling/job/?q={EVIL}&tag={EVIL}", f"/admin/scheduling/execution/?q={EVIL}"]
    pages += [f"/admin/scheduling/job/preview/?trigger=cron&cron={EVIL}&timezone={EVIL}"]
    for page in pages:
        response = boss.get(page)
        assert response.status_code == 200, page
        assert "<script>alert" not in response.text, page
        assert "<img src=x" not in response.text, page


def test_the_live_log_is_json_that_is_shown_as_text(boss: Client, evil: tuple[Job, Execution, Worker]) -> None:
    response = boss.get(columns.page(evil[1], "live"))
    assert response["Content-Type"] == "application/json"
    assert response.json()["text"] == EVIL


def test_secrets_stay_hidden_from_who_only_looks(staff: Any, evil: tuple[Job, Execution, Worker]) -> None:
    job, run, _ = evil
    for page in (columns.page(run), columns.page(job), columns.page(job, "history")):
        assert SECRET not in staff().get(page).text


def test_a_broken_row_breaks_no_page(boss: Client) -> None:
    job = make_job(cron="nonsense", timezone="Mars/Base", end_at=NOON, task="gone.tasks.x", queue="gone")
    for page in ("/admin/", "/admin/scheduling/job/", columns.page(job)):
        assert boss.get(page).status_code == 200
    assert "Mars/Base" in boss.get("/admin/scheduling/job/").text
