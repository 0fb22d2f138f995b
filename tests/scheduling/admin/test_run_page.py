"""The page of a run, and what it is told while the run goes on."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from scheduling.admin import columns, run_page
from scheduling.models import Execution, LogChunk, State, Why
from tasks.models import TaskRecord
from tests.factories import NOON, make_execution, make_job, make_worker
from tests.scheduling.admin.conftest import Staff

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]


def make_running(**columns_: object) -> Execution:
    return make_execution(make_job(), state=State.RUNNING, started_at=NOON, worker=make_worker(), **columns_)


def test_only_what_is_new_comes(boss: Client) -> None:
    run = make_running(progress=0.25, progress_text="1 of 4")
    chunks = [LogChunk.objects.create(execution=run, text=f"line {number}\n") for number in range(3)]
    LogChunk.objects.create(execution=make_running(), text="of another run\n")
    here = columns.page(run, "live")
    told = boss.get(here).json()
    assert (told["text"], told["last"], told["final"]) == ("line 0\nline 1\nline 2\n", chunks[2].pk, False)
    assert (told["percent"], told["progress"]) == (25, "1 of 4")
    assert boss.get(here, {"after": chunks[1].pk}).json()["text"] == "line 2\n"
    assert boss.get(here, {"after": chunks[2].pk}).json()["text"] == ""


def test_the_time_taken_goes_on_with_the_run(boss: Client) -> None:
    started = timezone.now() - timedelta(hours=2, minutes=30, seconds=-1)
    run = make_running()
    Execution.objects.filter(pk=run.pk).update(created_at=started, run_after=started, started_at=started)
    told = boss.get(columns.page(run, "live")).json()
    assert told["took"].startswith("2 h ")
    assert told["timeline"] == [["running", 100.0, told["took"]]]
    Execution.objects.filter(pk=run.pk).update(started_at=started - timedelta(hours=1))
    assert boss.get(columns.page(run, "live")).json()["took"].startswith("3 h ")
    assert boss.get(columns.page(make_execution(), "live")).json()["took"] == "—"


def test_the_log_names_the_zone_of_its_times(boss: Client, settings: Any) -> None:
    boss.cookies["rota_zone"] = "Asia/Tokyo"
    assert "times in UTC · follows the run" in boss.get(columns.page(make_running())).text
    settings.TIME_ZONE = "Europe/Berlin"
    assert (
        "times in Europe/Berlin</small>"
        in boss.get(columns.page(make_execution(state=State.CANCELLED, finished_at=NOON))).text
    )


@pytest.mark.parametrize("after", ["", "x", "-1", "1e9", "9" * 40])
def test_a_strange_offset_does_no_harm(boss: Client, after: str) -> None:
    assert boss.get(columns.page(make_running(), "live"), {"after": after}).status_code == 200


def test_a_long_log_comes_in_pieces(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_page, "AT_ONCE", 2)
    run = make_running()
    LogChunk.objects.bulk_create([LogChunk(execution=run, text=str(number)) for number in range(3)])
    first = boss.get(columns.page(run, "live")).json()
    assert (first["text"], first["more"]) == ("01", True)
    rest = boss.get(columns.page(run, "live"), {"after": first["last"]}).json()
    assert (rest["text"], rest["more"]) == ("2", False)


def test_the_end_is_told(boss: Client) -> None:
    run = make_execution(state=State.CANCELLED, finished_at=NOON)
    assert boss.get(columns.page(run, "live")).json()["final"] is True
    assert "data-live" not in boss.get(columns.page(run)).text


def test_colours_of_a_terminal_are_left_out() -> None:
    assert run_page.plain("\x1b[1;32mok\x1b[0m \x1b]0;title\x07done\x08\n\tnext") == "ok done\n\tnext"


def test_the_page_tells_how_the_time_was_spent() -> None:
    run = make_execution(
        created_at=NOON,
        scheduled_for=NOON + timedelta(seconds=10),
        started_at=NOON + timedelta(seconds=20),
        finished_at=NOON + timedelta(seconds=100),
        state=State.SUCCEEDED,
    )
    stretches = list(run_page.timeline(run, NOON))
    assert stretches == [("waiting", 10.0, "10 s"), ("late", 10.0, "10 s"), ("running", 80.0, "1 min 20 s")]


def test_a_run_that_never_started_has_a_timeline_too() -> None:
    run = make_execution(created_at=NOON, finished_at=NOON + timedelta(seconds=5), state=State.CANCELLED)
    assert list(run_page.timeline(run, NOON)) == [("not started", 100.0, "5 s")]
    assert list(run_page.timeline(make_execution(), NOON)) == []


def test_attempts_lead_to_each_other(boss: Client) -> None:
    job = make_job()
    first = make_execution(job, state=State.FAILED, started_at=NOON, finished_at=NOON)
    second = make_execution(job, root=first, attempt=2, why=Why.RETRY)
    assert columns.page(second) in boss.get(columns.page(first)).text
    assert columns.page(first) in boss.get(columns.page(second)).text


def test_records_of_other_apps_are_shown(boss: Client, staff: Staff) -> None:
    run = make_running()
    record = TaskRecord.objects.create(task_name="trakt", execution=run, label="<b>alice</b>", items_processed=0)
    text = boss.get(columns.page(run)).text
    assert columns.page(record) in text
    assert "<b>alice" not in text
    assert columns.page(record) not in staff().get(columns.page(run)).text


def test_cancelling_is_asked_once_and_says_what_came_of_it(boss: Client) -> None:
    run = make_running()
    here = columns.page(run, "cancel")
    assert "told to stop" in boss.post(here, {"reason": "Wrong month"}, follow=True).text
    run.refresh_from_db()
    assert (run.cancel_requested_by, run.reason) == ("admin", "Wrong month")
    assert "nothing to cancel" in boss.post(here, {"reason": ""}, follow=True).text


def test_a_run_can_be_had_again(boss: Client) -> None:
    job = make_job(arguments={"value": 3})
    run = make_execution(job, state=State.FAILED, started_at=NOON, finished_at=NOON)
    response = boss.post(columns.page(run, "again"))
    again = Execution.objects.latest("id")
    assert (again.arguments, again.requested_by, again.state) == ({"value": 3}, "admin", State.QUEUED)
    assert response["Location"] == columns.page(again)


@pytest.mark.parametrize("number", ["0", "x", "-1", "9" * 30])
def test_a_run_that_is_not_there_is_not_found(boss: Client, number: str) -> None:
    assert boss.get(f"/admin/scheduling/execution/{number}/change/").status_code == 302
    assert boss.get(f"/admin/scheduling/execution/{number}/cancel/").status_code == 404
    assert boss.get(f"/admin/scheduling/execution/{number}/live/").status_code in (302, 404)


def test_a_run_outlives_job_and_worker(boss: Client) -> None:
    run = make_execution(job_id="gone", state=State.FAILED, started_at=NOON, finished_at=NOON)
    Execution.objects.filter(pk=run.pk).update(worker_id="12345678-1234-1234-1234-123456789abc")
    assert "gone" in boss.get(columns.page(run)).text
    assert boss.get("/admin/scheduling/execution/").status_code == 200
