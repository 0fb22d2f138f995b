"""The preview is what the engine will do, in words and moments; an error names its field."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from scheduling import triggers
from scheduling.admin import columns, preview
from scheduling.models import Job
from scheduling.triggers import Kind, Schedule
from tests.factories import make_job
from tests.scheduling.admin.conftest import filled

PREVIEW = "/admin/scheduling/job/preview/"


def asked(browser: Client, **fields: str) -> Any:
    return browser.get(PREVIEW, {"timezone": "UTC", **fields})


def test_it_shows_what_the_engine_will_do(boss: Client) -> None:
    response = asked(boss, trigger="cron", cron="30 2 * * *", timezone="Europe/Berlin")
    schedule = Schedule(Kind.CRON, cron="30 2 * * *", timezone="Europe/Berlin")
    moments = triggers.preview(schedule, preview.SHOWN, timezone.now())
    there = [f"{triggers.shown_in(schedule, moment):%a %Y-%m-%d %H:%M:%S %Z}" for moment in moments]
    assert [run["there"] for run in response.context["runs"]] == there
    assert response.context["words"] == triggers.describe(schedule)


def test_both_clocks_are_shown_where_they_differ(boss: Client) -> None:
    boss.cookies["rota_zone"] = "Asia/Tokyo"
    text = asked(boss, trigger="cron", cron="0 12 * * *", timezone="Europe/Berlin").text
    assert "Asia/Tokyo (you)" in text
    assert "JST" in text
    assert "(you)" not in asked(boss, trigger="cron", cron="0 12 * * *", timezone="Asia/Tokyo").text


def test_the_clocks_going_forward_is_marked() -> None:
    schedule = Schedule(Kind.CRON, cron="0 12 * * *", timezone="Europe/Berlin")
    now = datetime(2027, 3, 26, 12, tzinfo=UTC)
    runs = list(preview._runs(schedule, now, []))[:4]
    assert [run["shift"] for run in runs] == ["", "clocks go forward 1 h", "", ""]


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({"trigger": "cron", "cron": "99 * * * *"}, "Crontab"),
        ({"trigger": "interval", "interval": "soon"}, "Interval"),
        ({"trigger": "date", "run_at": "never"}, "Moment"),
        ({"trigger": "cron", "cron": "* * * * *", "timezone": "Mars/Base"}, "Time zone"),
        ({"trigger": "cron", "cron": "* * * * *", "end_at": "x"}, "Not after"),
        ({"trigger": "<script>"}, "Trigger"),
    ],
)
def test_an_error_names_its_field(boss: Client, fields: dict[str, str], label: str) -> None:
    response = asked(boss, **fields)
    assert response.status_code == 200
    assert response.context["label"] == label
    assert "<script>" not in response.text


def test_an_interval_that_stays_keeps_its_grid(boss: Client) -> None:
    job: Job = make_job(trigger="interval", cron="", interval=timedelta(hours=7))
    form = filled(boss.get(columns.page(job)))
    same = {name: form.get(name, "") for name in preview.ASKED} | {"anchor": job.anchored_at.isoformat()}
    moments = triggers.preview(job.schedule, 1, timezone.now())
    shown = asked(boss, **same).context["runs"][0]["there"]
    assert shown == f"{moments[0]:%a %Y-%m-%d %H:%M:%S %Z}"
    assert asked(boss, **{**same, "interval": "8 h"}).context["runs"][0]["there"] != shown


def test_the_help_of_a_task_names_its_arguments(boss: Client) -> None:
    text = boss.get("/admin/scheduling/job/task-help/", {"task": "tests.workload.tasks.sleep"}).text
    assert "sleep(seconds: float" in text
    assert "context" not in text.partition("<p")[0]
    assert "Choose a task" in boss.get("/admin/scheduling/job/task-help/", {"task": "os.system"}).text
