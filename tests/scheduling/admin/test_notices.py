"""The pages of rules, incidents and the outbox: made in a form, told in words, steered with permission."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from scheduling.admin import columns
from scheduling.models import Change, Event, Incident, Notice, NoticeRule, NoticeState
from tests.factories import NOON, make_job
from tests.scheduling.admin.conftest import Staff, errors, filled

RULES, INCIDENTS, OUTBOX = (f"/admin/scheduling/{name}/" for name in ("noticerule", "incident", "notice"))
ADD, PREVIEW = f"{RULES}add/", f"{RULES}preview/"
EVIL = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>"""


@pytest.fixture(autouse=True)
def _channels(settings: Any, db: None) -> None:
    channels = {"ops": "http://127.0.0.1:9/hook", "mail": "mailto://user:geheim123@127.0.0.1:9?to=a@example.org"}
    settings.SCHEDULING = {**settings.SCHEDULING, "NOTICE_CHANNELS": channels}


@pytest.fixture
def rule() -> NoticeRule:
    return NoticeRule.objects.create(name="Nightly", events=["failed"], channels=["ops"], since=NOON)


@pytest.fixture
def incident(rule: NoticeRule) -> Incident:
    told = {"opened_at": NOON, "last_at": NOON, "summary": "Backup failed: ValueError: no luck"}
    return Incident.objects.create(rule=rule, event=Event.FAILED, subject="job:nightly", **told)


@pytest.fixture
def notice(incident: Incident) -> Notice:
    sent = {"state": NoticeState.SENT, "sent_at": NOON, "created_at": NOON, "due_at": NOON}
    return Notice.objects.create(
        channel="ops", rule=incident.rule, incident=incident, title="Backup failed", text="So it is.", **sent
    )


# Rules


def test_a_rule_is_made_in_the_form(boss: Client) -> None:
    make_job(id="nightly")
    assert filled(boss.get(ADD))["events"] == ["failed", "recovered", "silent"]
    sent = filled(boss.get(ADD), name="Nightly", jobs=["nightly"], tags="db, media", channels=["mail"])
    sent |= {"late_by": "10 min", "quiet_from": "22:00", "quiet_until": "07:00", "repeat_after": "1 day"}
    assert boss.post(ADD, sent).status_code == 302
    made = NoticeRule.objects.get()
    assert (made.events, made.jobs, made.tags) == (["failed", "recovered", "silent"], ["nightly"], ["db", "media"])
    assert (made.late_by, made.repeat_after) == (timedelta(minutes=10), timedelta(days=1))
    assert (made.channels, made.enabled, str(made.quiet_from)) == (["mail"], True, "22:00:00")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"name": ""}, "name"),
        ({"events": []}, "events"),
        ({"events": ["exploded"]}, "events"),
        ({"channels": []}, "channels"),
        ({"channels": ["nowhere"]}, "channels"),
        ({"jobs": ["nowhere"]}, "jobs"),
        ({"timezone": "Europe/Berln"}, "timezone"),
        ({"late_by": "soon"}, "late_by"),
        ({"in_a_row": "1"}, "in_a_row"),
        ({"factor": "nan"}, "factor"),
        ({"quiet_from": "22:00"}, "__all__"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(boss: Client, fields: dict[str, Any], where: str) -> None:
    sent = filled(boss.get(ADD), name="Nightly", channels=["ops"]) | fields
    assert list(errors(boss.post(ADD, sent))) == [where]
    assert not NoticeRule.objects.exists()


def test_the_preview_says_in_words_what_will_happen(boss: Client) -> None:
    asked = {
        **{"name": "N", "enabled": "on", "events": ["failed", "long", "silent"], "tags": "nightly", "factor": "2"},
        **{"channels": ["ops", "mail"], "in_a_row": "3", "late_by": "5 min", "silent_for": "30 s", "timezone": "UTC"},
        **{"quiet_from": "22:00", "quiet_until": "07:00", "silent_breaks_quiet": "on"},
    }
    text = boss.get(PREVIEW, asked).text
    assert "ops (web hook) and mail (mailto) are told when a run of a job tagged nightly failed" in text
    assert "longer than usual (2 times" in text
    assert "no scheduler has turned its loop for 30 s" in text
    assert "Between 22:00 and 07:00 (UTC) nothing is sent, but that no scheduler is alive" in text
    assert "Late by cannot be read" in boss.get(PREVIEW, {**asked, "late_by": "soon"}).text
    assert "choose at least one event" in boss.get(PREVIEW, {**asked, "events": []}).text


def test_what_a_rule_looks_for_begins_anew_when_that_is_changed(boss: Client, rule: NoticeRule) -> None:
    here = columns.page(rule)
    boss.post(here, filled(boss.get(here), name="Better"))
    rule.refresh_from_db()
    assert (rule.name, rule.since) == ("Better", NOON)
    boss.post(here, filled(boss.get(here), events=["failed", "missed"]))
    rule.refresh_from_db()
    assert rule.since > NOON


def test_a_channel_that_is_gone_is_shown_and_must_be_taken_out(boss: Client, rule: NoticeRule) -> None:
    NoticeRule.objects.update(channels=["ops", "pager"])
    here = columns.page(rule)
    assert "there is none any more" in boss.get(here).text
    assert "NOTICE_CHANNEL_PAGER" in boss.get(RULES).text
    assert list(errors(boss.post(here, filled(boss.get(here), name="Better")))) == ["channels"]


def test_the_list_says_when_no_channel_is_configured(boss: Client, settings: Any) -> None:
    assert "No channel is configured" not in boss.get(RULES).text
    settings.SCHEDULING = {**settings.SCHEDULING, "NOTICE_CHANNELS": {}}
    assert "No channel is configured" in boss.get(RULES).text


def test_no_page_shows_the_address_of_a_channel(boss: Client, rule: NoticeRule) -> None:
    for page in (RULES, ADD, columns.page(rule), columns.page(rule, "test")):
        assert "geheim123" not in boss.get(page).text
        assert "127.0.0.1:9" not in boss.get(page).text


def test_a_test_message_says_why_it_did_not_arrive(boss: Client, rule: NoticeRule) -> None:
    response = boss.post(columns.page(rule, "test"), {"names": ["ops"]})
    assert "ops: 127.0.0.1 is not public" in str(list(get_messages(response.wsgi_request))[-1])
    assert Notice.objects.get().state == NoticeState.GIVEN_UP


# Incidents and the outbox


def test_open_incidents_come_first(boss: Client, incident: Incident) -> None:
    told = {"opened_at": NOON, "last_at": NOON, "closed_at": NOON, "standing": None, "summary": "Long over"}
    Incident.objects.create(rule=incident.rule, event=Event.LATE, subject="job:other", **told)
    assert [each.subject for each in boss.get(INCIDENTS).context["cl"].result_list] == ["job:nightly", "job:other"]
    assert "Long over" not in boss.get(INCIDENTS, {"standing": "open"}).text
    assert "Long over" not in boss.get("/admin/").text
    assert "Backup failed: ValueError: no luck" in boss.get("/admin/").text


def test_an_incident_is_acknowledged_with_a_reason(boss: Client, incident: Incident) -> None:
    boss.post(columns.page(incident, "acknowledge"), {"reason": "on it"})
    incident.refresh_from_db()
    assert incident.acknowledged_by == "admin"
    change = Change.objects.get()
    assert (change.subject, change.action, change.reason) == (f"incident {incident.pk}", "acknowledged", "on it")


def test_an_incident_is_muted_for_a_while(boss: Client, incident: Incident) -> None:
    assert boss.post(columns.page(incident, "mute"), {"reason": ""}).status_code == 200
    boss.post(columns.page(incident, "mute"), {"lasts": "60"})
    incident.refresh_from_db()
    assert incident.muted_until is not None
    assert timedelta(minutes=59) < incident.muted_until - timezone.now() <= timedelta(hours=1)
    assert "Muted" in boss.get(INCIDENTS).text


def test_a_notice_is_sent_again(boss: Client, notice: Notice) -> None:
    assert "So it is." in boss.get(columns.page(notice)).text
    boss.post(columns.page(notice, "send_again"))
    notice.refresh_from_db()
    assert (notice.state, notice.sent_at, notice.message, notice.attempts) == (NoticeState.WAITING, None, None, 0)


# Who may


def test_each_permission_opens_its_door(staff: Staff, rule: NoticeRule, incident: Incident, notice: Notice) -> None:
    doors: list[tuple[str, Callable[[Client], Any]]] = [
        ("test_noticerule", lambda browser: browser.get(columns.page(rule, "test"))),
        ("steer_incident", lambda browser: browser.get(columns.page(incident, "mute"))),
        ("steer_incident", lambda browser: browser.get(columns.page(incident, "acknowledge"))),
        ("resend_notice", lambda browser: browser.get(columns.page(notice, "send_again"))),
        ("add_noticerule", lambda browser: browser.get(ADD)),
        ("change_noticerule", lambda browser: browser.post(columns.page(rule), {"name": "X"})),
    ]
    looks = ("view_noticerule", "view_incident", "view_notice")
    watcher = staff(*looks)
    for permission, ask in doors:
        assert ask(watcher).status_code == 403, permission
        assert ask(staff(*looks, permission)).status_code == 200, permission
    for page in (RULES, INCIDENTS, OUTBOX):
        assert watcher.get(page).status_code == 200
        assert staff().get(page).status_code == 403


def test_who_only_looks_reads_the_words_of_a_rule(staff: Staff, rule: NoticeRule) -> None:
    text = staff("view_noticerule").get(columns.page(rule)).text
    assert "ops (web hook) is told when a run of any job failed" in text
    assert PREVIEW not in text


def test_no_text_lets_markup_through(boss: Client, rule: NoticeRule, incident: Incident, notice: Notice) -> None:
    make_job(id="evil", name=EVIL)
    NoticeRule.objects.update(name=EVIL, tags=[EVIL], channels=[EVIL], jobs=["evil"])
    Incident.objects.update(summary=EVIL, acknowledged_by=EVIL, acknowledged_at=NOON, subject=f"task:{EVIL}")
    Notice.objects.update(title=EVIL, text=EVIL, error=EVIL, facts={"summary": EVIL}, channel=EVIL[:50])
    pages = [RULES, INCIDENTS, OUTBOX, "/admin/", *map(columns.page, (rule, incident, notice))]
    pages += [columns.page(rule, "test"), columns.page(incident, "mute"), columns.page(notice, "send_again")]
    for page in [*pages, f"{PREVIEW}?tags=%3Cscript%3Ealert(1)%3C/script%3E&events=failed&factor=2&in_a_row=3"]:
        response = boss.get(page)
        assert response.status_code == 200, page
        assert "<script>alert" not in response.text, page
        assert "<img src=x" not in response.text, page


# The ping of a job


def test_a_job_names_one_of_the_configured_pings(boss: Client, settings: Any) -> None:
    settings.SCHEDULING = {**settings.SCHEDULING, "PINGS": {"nightly": "https://hc-ping.com/x"}}
    job = make_job()
    here = columns.page(job)
    assert "hc-ping" not in boss.get(here).text
    assert boss.post(here, filled(boss.get(here), ping="nightly")).status_code == 302
    job.refresh_from_db()
    assert job.ping == "nightly"
    assert Change.objects.get().fields == {"ping": ["", "nightly"]}
    assert list(errors(boss.post(here, filled(boss.get(here), ping="nowhere")))) == ["ping"]
