"""The pages of calendars, and what the pages of jobs say of them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.messages import get_messages
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduling import store
from scheduling.admin import columns
from scheduling.models import Calendar, Change, Job, Window
from tests.factories import ECHO, make_job
from tests.scheduling.admin.conftest import Staff, errors, filled

LIST = "/admin/scheduling/calendar/"
ADD = f"{LIST}add/"
PREVIEW = f"{LIST}preview/"
JOBS = "/admin/scheduling/job/"
NEW = {"id": "ops", "name": "Ops", "country": "DE", "subdivision": "", "timezone": "Europe/Berlin"}
EVIL = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>"""
FAR = datetime(2050, 12, 25, 12, tzinfo=UTC)  # Christmas


@pytest.fixture
def ops(db: None) -> Calendar:
    return Calendar.objects.create(**NEW)


def windows(*rows: dict[str, Any]) -> dict[str, Any]:
    """Windows as the browser sends them; those with an id were there before."""
    sent = {"windows-TOTAL_FORMS": len(rows), "windows-INITIAL_FORMS": sum("id" in row for row in rows)}
    for number, row in enumerate(rows):
        sent |= {f"windows-{number}-{name}": value for name, value in row.items()}
    return sent


def save(browser: Client, calendar: Calendar, *rows: dict[str, Any], **changes: Any) -> Any:
    sent = {name: NEW[name] for name in ("name", "country", "subdivision", "timezone")} | changes
    return browser.post(columns.page(calendar), sent | windows(*rows))


# Making and changing


def test_a_calendar_is_made_with_its_windows(boss: Client) -> None:
    night = {"name": "Night", "cron": "0 22 * * *", "duration": "8 h"}
    move = {"name": "Move", "start_at": "2050-07-01T10:00", "end_at": "2050-07-02T10:00"}
    assert boss.post(ADD, {**NEW, "subdivision": "bayern", **windows(night, move)}).status_code == 302
    calendar = Calendar.objects.get()
    assert (calendar.pk, calendar.subdivision) == ("ops", "BY")
    again, once = calendar.windows.all()
    assert (again.cron, again.duration) == ("0 22 * * *", timedelta(hours=8))
    assert (once.start_at, once.end_at) == (
        datetime(2050, 7, 1, 8, tzinfo=UTC),
        datetime(2050, 7, 2, 8, tzinfo=UTC),
    )


def test_a_new_calendar_follows_the_clock_of_its_maker(boss: Client) -> None:
    boss.cookies["rota_zone"] = "Asia/Tokyo"
    assert filled(boss.get(ADD))["timezone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"country": "XX"}, "country"),
        ({"subdivision": "QQ"}, "subdivision"),
        ({"country": "", "subdivision": "BY"}, "subdivision"),
        ({"timezone": "Europe/Berln"}, "timezone"),
        ({"id": "no spaces"}, "id"),
        ({"name": ""}, "name"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(boss: Client, fields: dict[str, str], where: str) -> None:
    response = boss.post(ADD, {**NEW, **fields, **windows()})
    assert list(errors(response)) == [where]
    assert not Calendar.objects.exists()


def test_the_known_subdivisions_are_named(boss: Client) -> None:
    assert "BY (Bayern)" in boss.post(ADD, {**NEW, "subdivision": "QQ", **windows()}).text


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"cron": "61 * * * *", "duration": "1 h"}, "61"),
        ({"cron": "0 0 * * *"}, "Give a start and a later end, or a crontab and a duration."),
        ({"cron": "0 0 * * *", "duration": "2 years"}, "no unit of time"),
        ({"cron": "0 0 * * *", "duration": "400 d"}, "At most 366 days."),
        ({"start_at": "2050-01-02T00:00", "end_at": "2050-01-01T00:00"}, "a later end"),
        ({"start_at": "soon"}, "is no moment"),
        ({}, "Give a start"),
    ],
)
def test_a_window_that_cannot_be_is_refused(boss: Client, row: dict[str, str], told: str) -> None:
    response = boss.post(ADD, {**NEW, **windows({"name": "W", **row})})
    assert response.status_code == 200
    assert told in response.text
    assert not Calendar.objects.exists()


def test_the_moments_of_a_window_move_with_the_clock_of_the_calendar(boss: Client, ops: Calendar) -> None:
    start = datetime(2050, 7, 1, 8, tzinfo=UTC)
    window = Window.objects.create(calendar=ops, name="Move", start_at=start, end_at=start + timedelta(days=1))
    row = {"id": window.pk, "calendar": "ops", "name": "Move"}
    shown = boss.get(columns.page(ops)).context["inline_admin_formsets"][0].formset.forms[0]
    row |= {name: shown[name].value() for name in ("start_at", "end_at")}
    assert row["start_at"] == "2050-07-01T10:00:00"
    assert save(boss, ops, row).status_code == 302
    window.refresh_from_db()
    assert window.start_at == start
    save(boss, ops, row, timezone="Asia/Tokyo")
    window.refresh_from_db()
    assert window.start_at == datetime(2050, 7, 1, 1, tzinfo=UTC)


def test_saving_unchanged_changes_nothing(boss: Client, ops: Calendar) -> None:
    start = datetime(2050, 7, 1, 8, 0, 0, 5, tzinfo=UTC)
    window = Window.objects.create(calendar=ops, name="Move", start_at=start, end_at=start + timedelta(days=1))
    shown = boss.get(columns.page(ops)).context["inline_admin_formsets"][0].formset.forms[0]
    names = ("name", "start_at", "end_at", "cron")
    save(boss, ops, {"id": window.pk, "calendar": "ops", **{name: shown[name].value() for name in names}})
    window.refresh_from_db()
    assert window.start_at == start


def changes() -> list[tuple[str, str, str, list[str]]]:
    """What is on record: who did what to which, and the columns that are told."""
    rows = Change.objects.order_by("id")
    return [(row.by, row.action, row.subject, sorted(row.fields)) for row in rows]


def test_what_is_done_is_on_record_as_through_any_door(boss: Client) -> None:
    night = {"name": "Night", "cron": "0 22 * * *", "duration": "8 h"}
    boss.post(ADD, {**NEW, **windows(night)})
    calendar, window = Calendar.objects.get(), Window.objects.get()
    kept = {"id": window.pk, "calendar": "ops", **night}
    save(boss, calendar, kept, name="Nights")
    save(
        boss, calendar, kept | {"DELETE": "on"}, {"name": "Day", "cron": "0 8 * * *", "duration": "1 h"}, name="Nights"
    )
    save(
        boss,
        calendar,
        {"id": Window.objects.get().pk, "calendar": "ops", "name": "Day", "cron": "0 8 * * *", "duration": "1 h"},
        name="Nights",
    )
    assert [window.name for window in calendar.windows.all()] == ["Day"]
    boss.post(columns.page(calendar, "delete"), {"post": "yes"})
    assert changes() == [
        ("admin", "created", "calendar ops", ["country", "name", "timezone", "windows"]),
        ("admin", "changed", "calendar ops", ["name"]),
        ("admin", "changed", "calendar ops", ["windows"]),
        ("admin", "deleted", "calendar ops", ["country", "name", "timezone", "windows"]),
    ]


def test_its_history_tells_every_change_and_stays(boss: Client, ops: Calendar) -> None:
    ops.country = "FR"
    store.change_calendar(ops, [], by="rest", now=timezone.now())
    told = boss.get(columns.page(ops, "history")).text
    assert "rest" in told
    assert '<del class="rota-code">DE</del> → <ins class="rota-code">FR</ins>' in told
    store.delete_calendar(ops, by="rest", now=timezone.now())
    assert "Deleted" in boss.get(f"{LIST}ops/history/").text
    assert boss.get(f"{LIST}never/history/").status_code == 404


def test_who_may_not_see_calendars_sees_no_history_of_one(staff: Staff, ops: Calendar) -> None:
    store.delete_calendar(ops, by="rest", now=timezone.now())
    assert staff().get(f"{LIST}ops/history/").status_code == 403


def test_a_window_that_came_meanwhile_stays(boss: Client, ops: Calendar) -> None:
    Window.objects.create(calendar=ops, name="Theirs", cron="0 22 * * *", duration=timedelta(hours=8))
    save(boss, ops, {"name": "Mine", "cron": "0 8 * * *", "duration": "1 h"})
    assert {window.name for window in ops.windows.all()} == {"Theirs", "Mine"}


@pytest.mark.parametrize(
    ("verb", "fault"), [("change_calendar", Calendar.DoesNotExist()), ("create_calendar", IntegrityError())]
)
def test_who_was_slower_is_told(
    boss: Client, ops: Calendar, monkeypatch: pytest.MonkeyPatch, verb: str, fault: Exception
) -> None:
    monkeypatch.setattr(store, verb, Mock(side_effect=fault))
    page = ADD if verb == "create_calendar" else columns.page(ops)
    response = boss.post(page, {**NEW, "id": "two", **windows()}, follow=True)
    assert response.status_code == 200
    assert "Someone else was faster with this calendar." in response.text


def test_a_job_that_came_to_keep_it_meanwhile_keeps_it(
    boss: Client, ops: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job(id="nightly", calendars=["ops"])
    monkeypatch.setattr("scheduling.admin.calendars.usage", dict)  # as it was when the page was asked for
    response = boss.post(columns.page(ops, "delete"), {"post": "yes"}, follow=True)
    assert "Ops is kept by nightly." in response.text
    assert Calendar.objects.exists()


# What it excludes


def test_the_page_tells_what_it_excludes_next(boss: Client) -> None:
    day = timezone.now() + timedelta(days=3)
    move = {"name": "Move", "start_at": f"{day:%Y-%m-%dT%H:%M}", "end_at": f"{day + timedelta(1):%Y-%m-%dT%H:%M}"}
    unfinished = {"name": "Half", "cron": "0 0 * * *"}
    deleted = {"name": "Gone", "cron": "0 0 * * *", "duration": "1 h", "DELETE": "on"}
    text = boss.get(PREVIEW, {**NEW, "timezone": "UTC", **windows(move, unfinished, deleted)}).text
    assert text.count("<tr>") == 11
    assert "Christmas Day" in text
    assert "Move" in text
    assert "Half" not in text
    assert "Gone" not in text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"country": ""}, "choose a country, or add a window"),
        ({"country": "XX"}, "No holidays are known"),
        ({"subdivision": "QQ"}, "BY (Bayern)"),
        ({"timezone": EVIL}, "is no known time zone"),
        ({"country": EVIL}, "No holidays are known"),
        ({"windows-TOTAL_FORMS": "-1"}, "Christmas Day"),
        ({"windows-TOTAL_FORMS": "9" * 30}, "Christmas Day"),
    ],
)
def test_the_preview_answers_whatever_is_asked(boss: Client, fields: dict[str, str], told: str) -> None:
    response = boss.get(PREVIEW, {**NEW, **fields})
    assert response.status_code == 200
    assert told in response.text
    assert "<script>" not in response.text


# Who uses it


def test_a_calendar_that_jobs_name_stays(boss: Client, ops: Calendar) -> None:
    job = make_job(calendars=["ops"], name="Nightly")
    for ask in (boss.get, boss.post):
        response = ask(columns.page(ops, "delete"), {"post": "yes"})
        assert response.status_code == 302
        assert "Nightly" in str(list(get_messages(response.wsgi_request))[-1])
    assert Calendar.objects.exists()
    Job.objects.filter(pk=job.pk).update(calendars=[])
    assert boss.get(columns.page(ops, "delete")).status_code == 200
    boss.post(columns.page(ops, "delete"), {"post": "yes"})
    assert not Calendar.objects.exists()


def test_its_jobs_are_named_on_its_page_and_in_the_list(boss: Client, ops: Calendar) -> None:
    jobs = [make_job(calendars=["ops"]) for _ in range(4)]
    assert all(columns.page(job) in boss.get(columns.page(ops)).text for job in jobs)
    text = boss.get(LIST).text
    assert columns.page(jobs[0]) in text
    assert "and 1 more" in text


# Who may


def test_who_may_look_sees_all_and_changes_nothing(staff: Staff, ops: Calendar) -> None:
    Window.objects.create(calendar=ops, name="Night", cron="0 22 * * *", duration=timedelta(hours=8))
    browser = staff("view_calendar")
    text = browser.get(columns.page(ops)).text
    assert "Christmas Day" in text
    assert "Night" in text
    assert PREVIEW not in text
    assert save(browser, ops, name="Mine").status_code == 403
    assert browser.get(PREVIEW, NEW).status_code == 403
    assert browser.post(columns.page(ops, "delete"), {"post": "yes"}).status_code == 403
    assert Calendar.objects.get().name == "Ops"


def test_each_permission_opens_its_door(staff: Staff, ops: Calendar) -> None:
    assert staff().get(LIST).status_code == 403
    assert staff("add_calendar").post(ADD, {**NEW, "id": "two", **windows()}).status_code == 302
    night = {"name": "Night", "cron": "0 22 * * *", "duration": "8 h"}
    assert save(staff("change_calendar"), ops, night, name="Mine").status_code == 302
    assert Window.objects.get().name == "Night"
    assert (
        staff("delete_calendar", "view_calendar").post(columns.page(ops, "delete"), {"post": "yes"}).status_code == 302
    )
    assert list(Calendar.objects.values_list("pk", flat=True)) == ["two"]


def test_who_may_not_see_jobs_does_not_learn_their_names(staff: Staff, ops: Calendar) -> None:
    make_job(calendars=["ops"], name="Secret")
    browser = staff("view_calendar", "delete_calendar", seeing=False)
    assert "Secret" not in browser.get(LIST).text
    assert "Secret" not in browser.get(columns.page(ops)).text
    response = browser.post(columns.page(ops, "delete"), {"post": "yes"})
    assert "1 job." in str(list(get_messages(response.wsgi_request))[-1])


def test_no_name_lets_markup_through(boss: Client) -> None:
    calendar = Calendar.objects.create(id="evil", name=EVIL, country="XX", subdivision=EVIL[:20], timezone="UTC")
    other = Calendar.objects.create(id="other", name=EVIL)
    Window.objects.create(calendar=other, name=EVIL, start_at=FAR - timedelta(1), end_at=FAR + timedelta(1))
    job = make_job(calendars=["evil", "other", EVIL], name=EVIL, next_run_time=FAR, cron="0 12 25 12 *")
    pages = [LIST, JOBS, *(columns.page(each, door) for each in (calendar, other) for door in ("change", "delete"))]
    pages += [columns.page(job), f"{JOBS}preview/?trigger=cron&cron=0+12+25+12+*&calendars=other"]
    for page in pages:
        response = boss.get(page, follow=True)
        assert response.status_code == 200, page
        assert "<script>alert" not in response.text, page
        assert "<img src=x" not in response.text, page


# What the pages of jobs say


def test_a_job_is_given_calendars_in_its_form(boss: Client, ops: Calendar) -> None:
    add = f"{JOBS}add/"
    new = {"id": "new", "name": "New", "task": ECHO, "trigger": "cron", "cron": "0 2 * * *", "timezone": "UTC"}
    assert boss.post(add, filled(boss.get(add), **new, calendars=["ops"])).status_code == 302
    assert Job.objects.get().calendars == ["ops"]
    assert "calendars" in errors(boss.post(add, filled(boss.get(add), **{**new, "id": "b"}, calendars=["nowhere"])))


def test_a_calendar_that_is_gone_is_shown_and_must_be_taken_out(boss: Client, ops: Calendar) -> None:
    job = make_job(calendars=["gone", "ops"], next_run_time=FAR)
    here = columns.page(job)
    assert "there is none of this id" in boss.get(here).text
    assert list(errors(boss.post(here, filled(boss.get(here), name="Better")))) == ["calendars"]
    sent = filled(boss.get(here))
    sent["calendars"] = ["ops"]
    assert boss.post(here, sent).status_code == 302
    job.refresh_from_db()
    assert (job.calendars, job.next_run_time) == (["ops"], FAR)


def test_the_preview_marks_what_will_be_skipped_and_still_shows_ten(boss: Client, ops: Calendar) -> None:
    schedule = {"trigger": "cron", "cron": "0 12 25 12 *", "timezone": "UTC"}
    runs = boss.get(f"{JOBS}preview/", {**schedule, "calendars": ["ops", "nowhere", "\0"]}).context["runs"]
    assert len(runs) == 10
    assert all("skipped: Christmas Day" in run["excluded"] for run in runs)
    assert not any(run["excluded"] for run in boss.get(f"{JOBS}preview/", schedule).context["runs"])


def test_the_list_and_the_page_of_a_job_say_that_its_next_run_is_skipped(boss: Client, ops: Calendar) -> None:
    job = make_job(calendars=["ops"], cron="0 12 * * *", next_run_time=FAR)
    make_job(next_run_time=FAR)
    assert boss.get(JOBS).text.count("skipped: Christmas Day") == 1
    text = boss.get(columns.page(job)).text
    assert "Will be skipped: the calendar Ops has Christmas Day on 25 December 2050." in text
    assert f'First run: <span class="rota-moment"><time datetime="{FAR + timedelta(days=2):%Y-%m-%dT%H:%M}' in text


def test_the_list_of_jobs_asks_for_calendars_once(boss: Client, ops: Calendar) -> None:
    Window.objects.create(calendar=ops, name="Night", cron="0 22 * * *", duration=timedelta(hours=8))
    Calendar.objects.create(id="two", name="Two", country="US")
    make_job(next_run_time=FAR)
    asked = []
    for calendars in ([], ["ops"], ["ops", "two"]):
        for _ in range(3):
            make_job(calendars=calendars, next_run_time=FAR)
        with CaptureQueriesContext(connection) as queries:
            boss.get(JOBS)
        asked.append(len(queries))
    assert asked[1:] == [asked[0] + 2] * 2
