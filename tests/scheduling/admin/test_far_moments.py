"""A moment at the end of the calendar is refused, and a row that has one breaks no page for anybody."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from scheduling.admin import columns
from scheduling.models import Change, Execution, Job, State
from tests.factories import ECHO, NOON, make_execution, make_job
from tests.scheduling.admin.conftest import Staff, errors, filled

LAST, FIRST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)
VIEWERS = ("Pacific/Kiritimati", "Etc/GMT+12")  # 14 hours ahead of UTC, and 12 behind
ADD, PREVIEW, RUNS = (f"/admin/scheduling/{page}/" for page in ("job/add", "job/preview", "execution"))
ONCE = {"trigger": "date", "run_at": "9999-12-31T23:59:59"}
OFTEN = {"trigger": "interval", "interval": "1 s"}
REFUSED = [
    ({**ONCE, "timezone": "America/New_York"}, "run_at"),
    ({**ONCE, "timezone": "Asia/Tokyo"}, "run_at"),
    ({**OFTEN, "start_at": "0001-01-01T00:00", "timezone": "Asia/Tokyo"}, "start_at"),
    ({**OFTEN, "start_at": "9999-12-31T23:59:59", "timezone": "UTC"}, "start_at"),
    ({"trigger": "cron", "cron": "0 2 * * *", "end_at": "9999-12-31T00:00", "timezone": "Etc/GMT+12"}, "end_at"),
]


@pytest.fixture(params=VIEWERS)
def viewer(request: Any, boss: Client) -> Client:
    """A superuser far from Greenwich."""
    boss.cookies["rota_zone"] = request.param
    return boss


def make_old(moment: datetime, **changes: Any) -> Job:
    """A row from before such moments were refused."""
    moments = {"run_at": moment, "start_at": moment, "end_at": moment, "next_run_time": moment}
    return make_job(trigger="date", cron="", **{**moments, **changes})


@pytest.mark.django_db
@pytest.mark.parametrize(("fields", "where"), REFUSED)
def test_the_form_and_the_preview_refuse_it(viewer: Client, fields: dict[str, str], where: str) -> None:
    new = {"id": "new", "name": "New", "task": ECHO, **fields}
    said = errors(viewer.post(ADD, filled(viewer.get(ADD), **new)))
    assert set(said) == {where}
    assert "write one from 1971 to 9000" in said[where][0]
    assert ("leave it empty" in said[where][0]) is (where == "end_at")
    assert "write one from 1971 to 9000" in viewer.get(PREVIEW, fields).text
    assert not Job.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("anchor", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-02-31T00:00:00Z"])
def test_a_forged_grid_breaks_no_preview(viewer: Client, anchor: str) -> None:
    same = {**OFTEN, **{f"initial-{name}": value for name, value in OFTEN.items()}, "initial-timezone": "UTC"}
    unset = {f"initial-{name}": "" for name in ("cron", "run_at", "start_at", "end_at")}
    assert viewer.get(PREVIEW, {**same, **unset, "timezone": "UTC", "anchor": anchor}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("moment", [FIRST, LAST])
@pytest.mark.parametrize("timezone", ["UTC", *VIEWERS])
def test_an_old_row_is_shown_to_everybody(viewer: Client, staff: Staff, moment: datetime, timezone: str) -> None:
    job = make_old(moment, timezone=timezone)
    run = make_execution(job, scheduled_for=moment, state=State.SUCCEEDED, started_at=NOON, finished_at=NOON)
    waiting = make_execution(job, run_after=moment)
    fields = {"next_run_time": [None, moment.isoformat()]}
    Change.objects.create(job=job, action="changed", by="ada", fields=fields)
    pages = ["/admin/", "/admin/scheduling/job/", RUNS]
    pages += [columns.page(job), columns.page(job, "history"), columns.page(job, "resume")]
    pages += [columns.page(run), columns.page(waiting), columns.page(waiting, "live")]
    looking = staff()
    looking.cookies["rota_zone"] = viewer.cookies["rota_zone"].value
    for page in pages:
        assert viewer.get(page).status_code == 200, page
    for page in {*pages} - {columns.page(job, "resume")}:
        assert looking.get(page).status_code == 200, page


@pytest.mark.django_db
@pytest.mark.parametrize("moment", [FIRST, LAST])
def test_an_old_row_can_be_mended(viewer: Client, moment: datetime) -> None:
    job = make_old(moment, timezone=str(viewer.cookies["rota_zone"].value))
    here = columns.page(job)
    assert "run_at" in errors(viewer.post(here, filled(viewer.get(here), timezone="Europe/Berlin")))
    mended = filled(viewer.get(here), run_at="2100-01-01T00:00:00", timezone="UTC")
    assert viewer.post(here, mended).status_code == 302
    job.refresh_from_db()
    assert job.run_at == datetime(2100, 1, 1, tzinfo=UTC)


@pytest.mark.django_db
def test_runs_are_found_by_days_out_of_reach(viewer: Client) -> None:
    make_execution(state=State.SUCCEEDED, started_at=NOON, finished_at=NOON + timedelta(seconds=1))

    def found(**query: str) -> int:
        return len(viewer.get(RUNS, query).context["cl"].result_list)

    assert found(ended_from="0001-01-01", ended_until="9999-12-31") == Execution.objects.count() == 1
    assert found(ended_from="9999-12-31", ended_until="9999-12-31") == 0
    assert found(ended_from="0001-01-01", ended_until="0001-01-01") == 0
