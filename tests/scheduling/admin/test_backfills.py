"""Backfills in the admin: the door that asks, the page that shows, the stop; who may; nothing by GET."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from scheduling import store
from scheduling.admin import columns
from scheduling.models import Backfill, BackfillState, Change, Execution, Job, State
from tests.factories import make_execution, make_job, make_worker
from tests.scheduling.admin.conftest import Staff

EVIL = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>"""
ALL = ("add_backfill", "run_job", "stop_backfill", "view_backfill")
LIST = "/admin/scheduling/backfill/"
HOUR = timedelta(hours=1)


def hourly(**columns_: Any) -> Job:
    return make_job(**{"cron": "0 * * * *", "next_run_time": timezone.now() + HOUR, **columns_})


def written(**changes: Any) -> dict[str, Any]:
    """The form of the door as a browser sends it: the last five hours."""
    now = timezone.now()
    plain = {"first_at": f"{now - 5 * HOUR:%Y-%m-%dT%H:%M:%S}", "last_at": f"{now:%Y-%m-%dT%H:%M:%S}"}
    return {**plain, "at_once": "1", "per_minute": "", "reason": "", **changes}


def going(job: Job | None = None, **options: Any) -> Backfill:
    now = timezone.now()
    wanted = Backfill(job=job or hourly(), first_at=now - 5 * HOUR, last_at=now, **options)
    return store.backfill(wanted, by="ada", now=now)


def the_world() -> tuple[object, ...]:
    return (list(Backfill.objects.values()), list(Execution.objects.values()), Change.objects.count())


# The door


def test_the_door_begins_a_backfill_and_leads_to_its_page(boss: Client) -> None:
    job = hourly(timezone="Europe/Berlin")
    here = timezone.now() + timedelta(hours=1)  # no clock there is further ahead in winter
    sent = written(first_at=f"{here - 5 * HOUR:%Y-%m-%dT%H:%M}", again="on", newest_first="on", at_once="2")
    sent["last_at"] = f"{here - HOUR:%Y-%m-%dT%H:%M}"
    answer = boss.post(columns.page(job, "backfill"), sent | {"per_minute": "6", "reason": "the feed was down"})
    backfill = Backfill.objects.get()
    assert answer["Location"] == columns.page(backfill)
    assert (backfill.again, backfill.newest_first, backfill.at_once, backfill.per_minute) == (True, True, 2, 6)
    assert (backfill.requested_by, backfill.reason, backfill.state) == ("admin", "the feed was down", "going")
    assert timedelta() <= backfill.last_at - backfill.first_at - 4 * HOUR < timedelta(seconds=1)


def test_the_door_takes_its_range_from_the_address(boss: Client) -> None:
    job = hourly(timezone="Asia/Tokyo")
    here = columns.page(job, "backfill")
    page = boss.get(here, {"first": "2026-03-01T00:00:00+00:00", "last": "2026-03-02T00:00:00Z"}).text
    assert 'value="2026-03-01T09:00:00"' in page
    assert 'value="2026-03-02T09:00:00"' in page
    for odd in ("", "yesterday", "2026-99-01T00:00:00Z", "2026-03-01"):
        assert boss.get(here, {"first": odd}).status_code == 200


def test_it_shows_what_became_of_the_moments(boss: Client) -> None:
    job = hourly()
    moment = timezone.now().replace(minute=0, second=0, microsecond=0)
    ended = {"finished_at": moment, "started_at": moment}
    make_execution(job, scheduled_for=moment, state=State.SUCCEEDED, **ended)
    skipped = make_execution(
        job, scheduled_for=moment - HOUR, state=State.SKIPPED, finished_at=moment, reason=f"Paused. {EVIL}"
    )
    page = boss.get(columns.page(job, "backfill"), written()).text
    assert "4 of 5 moments will run." in page
    assert "Paused. &lt;script&gt;" in page
    assert f"#{skipped.pk}" in page
    assert "is left alone" in page
    assert "5 of 5 moments will run." in boss.get(columns.page(job, "backfill"), written(again="on")).text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"first_at": "never"}, "no moment"),
        ({"first_at": "2026-03-02T00:00", "last_at": "2026-03-01T00:00"}, "lies before"),
        ({"last_at": "2999-01-01T00:00"}, "reaches beyond now"),
        ({"first_at": "1990-01-01T00:00"}, "at most 10,000"),
        ({"at_once": "9"}, "From one to 3"),
        ({"at_once": "0"}, "greater than or equal to 1"),
        ({"per_minute": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(boss: Client, changes: dict[str, str], said: str) -> None:
    job = hourly()
    answer = boss.post(columns.page(job, "backfill"), written(**changes))
    assert answer.status_code == 200
    assert said in answer.text
    assert not Backfill.objects.exists()
    assert boss.get(columns.page(job, "backfill"), written(**changes)).status_code == 200


def test_a_manual_job_has_no_such_door(boss: Client) -> None:
    manual = make_job(trigger="manual", cron="", next_run_time=None)
    assert columns.page(manual, "backfill") not in boss.get(columns.page(manual)).text


# The list and the page


def test_the_page_has_one_bar_and_what_went_wrong(boss: Client) -> None:
    backfill = going(at_once=3)
    well, ill, _ = store.feed(timezone.now())
    Execution.objects.filter(pk__in=[well.pk, ill.pk]).update(
        state=State.RUNNING, worker=make_worker(), started_at=timezone.now()
    )
    Execution.objects.filter(pk=well.pk).update(state=State.SUCCEEDED, finished_at=timezone.now())
    Execution.objects.filter(pk=ill.pk).update(state=State.FAILED, finished_at=timezone.now(), error_message="no feed")
    page = boss.get(columns.page(backfill)).text
    assert 'aria-label="1 succeeded, 1 failed, 1 waiting, 2 to come"' in page
    assert "2 of 5 moments" in page
    assert "no feed" in page
    assert "data-refresh" in page
    assert "2 of 5" in boss.get(LIST).text
    runs = boss.get(columns.listing(Execution, backfill__id__exact=backfill.pk))
    assert runs.status_code == 200
    assert [run.pk for run in runs.context["cl"].result_list] == sorted(backfill.runs.values_list("pk", flat=True))[
        ::-1
    ]
    assert columns.page(backfill) in boss.get(columns.page(ill)).text


def test_a_page_that_is_over_refreshes_no_more(boss: Client) -> None:
    backfill = going()
    store.stop_backfill(backfill, by="bob", now=timezone.now(), reason="too slow")
    page = boss.get(columns.page(backfill)).text
    assert "data-refresh" not in page
    assert "too slow" in page
    assert columns.page(backfill, "stop") not in page


def test_it_says_why_it_does_not_get_on(boss: Client) -> None:
    backfill = going()
    store.park(backfill.job, "Its task is gone.", by="", now=timezone.now())
    assert "its job is parked: Its task is gone." in boss.get(columns.page(backfill)).text


def test_it_outlives_its_job(boss: Client) -> None:
    backfill = going(hourly(id="films"))
    store.delete(Job.objects.get(pk="films"), by="ada", now=timezone.now())
    store.feed(timezone.now())
    assert "Its job was deleted." in boss.get(columns.page(backfill)).text
    assert "films" in boss.get(LIST).text


def test_the_stop_asks_and_then_stops(boss: Client) -> None:
    backfill = going(at_once=2)
    store.feed(timezone.now())
    run = backfill.runs.order_by("id").first()
    assert run is not None
    backfill.runs.filter(pk=run.pk).update(state=State.RUNNING, worker=make_worker(), started_at=timezone.now())
    answer = boss.post(columns.page(backfill, "stop"), {"running": "on", "reason": "enough"})
    assert answer["Location"] == columns.page(backfill)
    backfill.refresh_from_db()
    run.refresh_from_db()
    assert (backfill.state, backfill.ended_by) == (BackfillState.STOPPED, "admin")
    assert (run.cancel_requested_by, run.reason) == ("admin", "enough")
    assert backfill.runs.filter(state=State.CANCELLED).count() == 1


# Who may


@pytest.mark.parametrize("missing", ["add_backfill", "run_job"])
def test_the_door_needs_both_permissions(staff: Staff, missing: str) -> None:
    job = hourly()
    here = columns.page(job, "backfill")
    shut, opened = staff(*set(ALL) - {missing}), staff(*ALL)
    before = the_world()
    assert (shut.get(here).status_code, shut.get(here, written()).status_code) == (403, 403)
    assert shut.post(here, written()).status_code == 403
    assert here not in shut.get(columns.page(job)).text
    assert the_world() == before
    assert here in opened.get(columns.page(job)).text
    assert opened.post(here, written()).status_code == 302
    assert the_world() != before


def test_who_may_not_see_backfills_is_led_back_to_the_job(staff: Staff) -> None:
    job = hourly()
    answer = staff("add_backfill", "run_job").post(columns.page(job, "backfill"), written())
    assert answer["Location"] == columns.page(job)


def test_who_may_not_see_runs_is_shown_no_links_to_them(staff: Staff) -> None:
    backfill = going()
    store.feed(timezone.now())
    page = staff("view_backfill", seeing=False).get(columns.page(backfill)).text
    assert "/admin/scheduling/execution/" not in page
    assert columns.page(backfill.job) not in page


def test_the_stop_needs_its_permission(staff: Staff) -> None:
    backfill = going()
    here = columns.page(backfill, "stop")
    shut, opened = staff(*set(ALL) - {"stop_backfill"}), staff("stop_backfill", "view_backfill")
    before = the_world()
    assert (shut.get(here).status_code, shut.post(here).status_code) == (403, 403)
    assert here not in shut.get(columns.page(backfill)).text
    assert opened.get(here).status_code == 200
    assert the_world() == before
    assert here in opened.get(columns.page(backfill)).text
    assert opened.post(here).status_code == 302
    assert the_world() != before


def test_get_changes_nothing(boss: Client) -> None:
    backfill = going()
    before = the_world()
    for here in (columns.page(backfill.job, "backfill"), columns.page(backfill, "stop"), columns.page(backfill)):
        assert boss.get(here).status_code == 200
        assert boss.get(here, {**written(), "running": "on"}).status_code == 200
    assert the_world() == before


@pytest.mark.parametrize("verb", ["add", "change", "delete"])
def test_nobody_rewrites_a_backfill(boss: Client, verb: str) -> None:
    backfill = going()
    here = f"{LIST}add/" if verb == "add" else columns.page(backfill, verb)
    before = the_world()
    assert boss.post(here, {"state": "done", "post": "yes"}).status_code == 403
    assert the_world() == before


def test_strangers_are_sent_to_the_login(client: Client, db: None) -> None:
    backfill = going()
    for here in (LIST, columns.page(backfill), columns.page(backfill, "stop"), columns.page(backfill.job, "backfill")):
        assert client.get(here)["Location"].startswith("/admin/login/")
        assert client.post(here)["Location"].startswith("/admin/login/")


def test_no_page_lets_markup_through(boss: Client) -> None:
    job = hourly(name=EVIL, parked_reason=EVIL)
    backfill = going(job, reason=EVIL)
    Backfill.objects.filter(pk=backfill.pk).update(requested_by=EVIL, ended_by=EVIL, ended_reason=EVIL)
    store.feed(timezone.now())
    door = columns.page(job, "backfill")
    for here in (LIST, columns.page(backfill), columns.page(backfill, "stop"), door, f"{door}?first={EVIL}"):
        page = boss.get(here)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
    assert "<img src=x" not in boss.get(door, written(first_at=EVIL)).text
