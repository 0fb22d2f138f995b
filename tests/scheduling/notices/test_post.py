"""The outbox empties itself: grouped, each line once, again after a failure, whoever dies or joins in meanwhile."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from email.message import Message as Mail
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MailHandler
from apprise.plugins.discord import NotifyDiscord
from django.db import connection

from scheduling.models import Event, Incident, Notice, NoticeState, State
from scheduling.notices import channels, hooks
from scheduling.notices.post import Post, send, send_test
from scheduling.store import notices as outbox
from tests.factories import NOON, make_job
from tests.scheduling.notices.conftest import Ear, ended, looked, make_rule

pytestmark = pytest.mark.django_db
SOON = NOON + timedelta(seconds=10)  # when lines of noon are due
TOGETHER = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)
Setting = Callable[..., None]


def emptied(now: datetime = SOON, channel: str = "ops") -> None:
    Post(lambda: now).empty(channel)


def states() -> list[str]:
    return list(Notice.objects.order_by("id").values_list("state", flat=True))


def test_failures_that_come_together_are_one_message_with_a_list(hook: Ear) -> None:
    make_rule(Event.FAILED)
    runs = [ended(make_job(id=f"job-{letter}", name=letter), State.FAILED) for letter in "abc"]
    looked()
    assert outbox.waiting_channels(NOON) == []  # it waits for others
    assert outbox.waiting_channels(SOON) == ["ops"]
    emptied()
    emptied()
    (body,) = hook.bodies
    assert body["title"] == "3 notices: a failed, b failed, …"
    assert [line["run"] for line in body["notices"]] == [run.pk for run in runs]
    assert [line["url"] for line in body["notices"]] == [
        f"https://rota.example/admin/scheduling/execution/{run.pk}/change/" for run in runs
    ]
    assert states() == [NoticeState.SENT] * 3


def test_very_many_are_a_list_of_sentences(hook: Ear) -> None:
    make_rule(Event.FAILED)
    for number in range(40):
        ended(make_job(name=f"Job number {number}"), State.FAILED)
    looked()
    emptied()
    (body,) = hook.bodies
    assert body["text"].count("\n• ") == 29
    assert "… and 10 more." in body["text"]
    assert "https://rota.example/admin/scheduling/incident/" in body["text"]
    assert len(body["notices"]) == 40


def test_a_single_line_says_all_that_one_needs(hook: Ear) -> None:
    make_rule(Event.FAILED, name="Nightly", timezone="Europe/Berlin")
    job = make_job(id="nightly", name="Nightly backup", max_attempts=2)
    due = NOON - MINUTE
    run = ended(job, State.FAILED, took=50, scheduled_for=due, attempt=2)
    looked()
    emptied()
    (body,) = hook.bodies
    assert body["text"].splitlines() == [
        "Nightly backup (nightly) failed: ValueError: no luck",
        f"Run #{run.pk}: due 2026-03-02 12:59:00 CET; started 2026-03-02 12:59:10 CET, 10 s late; "
        "ended 2026-03-02 13:00:00 CET; attempt 2 of 2.",
        f"https://rota.example/admin/scheduling/execution/{run.pk}/change/",
        "What to do: Read the log and the traceback on the page of the run; once the cause is gone, press Retry there.",
        "Rule: Nightly.",
    ]
    line = body["notices"][0]
    assert (line["event"], line["status"], line["job"], line["late_seconds"]) == ("failed", "open", "nightly", 10.0)


def test_what_came_in_the_quiet_hours_is_one_message_at_their_end(hook: Ear) -> None:
    make_rule(Event.FAILED, Event.RECOVERED, quiet_from=time(11), quiet_until=time(13))
    job = make_job(name="Backup")
    ended(job, State.FAILED, at=NOON)
    looked(NOON)
    ended(job, at=NOON + 30 * MINUTE)
    looked(NOON + 30 * MINUTE)
    emptied(NOON + 59 * MINUTE)
    assert not hook.heard
    emptied(NOON + 60 * MINUTE)
    (body,) = hook.bodies
    assert [line["status"] for line in body["notices"]] == ["open", "closed"]


def test_a_web_hook_is_signed(hook: Ear, scheduling: Setting) -> None:
    scheduling(NOTICE_SECRET="very-secret")
    make_rule(Event.FAILED)
    ended(make_job(), State.FAILED)
    looked()
    emptied()
    _, headers, body = hook.heard[0]
    told = {name.lower(): value for name, value in headers.items()}
    assert told["webhook-signature"] == f"v1,{hooks.signature('very-secret', told, body)}"
    assert told["webhook-id"] == json.loads(body)["id"]


def test_what_did_not_arrive_is_sent_again_under_the_same_id_and_alone(hook: Ear) -> None:
    make_rule(Event.FAILED)
    ended(make_job(), State.FAILED)
    looked()
    hook.answers = [(503, {}), (429, {"Retry-After": "45"})]
    emptied(SOON)
    line = Notice.objects.get()
    assert (line.state, line.attempts, line.due_at) == (NoticeState.WAITING, 1, SOON + timedelta(seconds=10))
    assert "503" in line.error
    ended(make_job(), State.FAILED, at=SOON)
    looked(SOON)
    emptied(line.due_at)  # refused with the wish to wait
    line.refresh_from_db()
    assert line.due_at == SOON + timedelta(seconds=55)
    emptied(SOON + MINUTE)
    ids = [body["id"] for body in hook.bodies]
    assert ids[0] == ids[1]
    assert sorted(map(ids.count, set(ids))) == [1, 3]
    assert states() == [NoticeState.SENT] * 2
    assert Notice.objects.filter(error="").count() == 2


def test_after_two_days_it_is_given_up(hook: Ear) -> None:
    make_rule(Event.FAILED)
    ended(make_job(), State.FAILED)
    looked()
    hook.answers = [(500, {})] * 200
    now, attempts = SOON, 0
    while Notice.objects.get().state == NoticeState.WAITING:
        now = Notice.objects.get().due_at
        emptied(now)
        attempts += 1
        assert attempts < 100
    assert Notice.objects.get().state == NoticeState.GIVEN_UP
    assert now - NOON > timedelta(days=1)
    assert attempts > 20


def test_no_attempt_is_made_twice_where_none_can_help(scheduling: Setting, ear: Ear) -> None:
    scheduling(NOTICE_CHANNELS={"ops": f"{ear.url}/hook"})
    make_rule(Event.FAILED, channels=["ops", "nowhere"])
    ended(make_job(), State.FAILED)
    looked()
    emptied()
    emptied(channel="nowhere")
    assert states() == [NoticeState.GIVEN_UP] * 2
    errors = list(Notice.objects.order_by("id").values_list("error", flat=True))
    assert "127.0.0.1 is not public; set NOTICE_PRIVATE=true" in errors[0]
    assert "set NOTICE_CHANNEL_NOWHERE" in errors[1]
    assert not ear.heard


def test_what_a_dead_process_was_sending_is_sent_after_its_lease(hook: Ear) -> None:
    make_rule(Event.FAILED)
    ended(make_job(), State.FAILED)
    looked()
    dead = outbox.claim_message("ops", SOON, TOGETHER)
    emptied(SOON + MINUTE)
    assert not hook.heard
    later = SOON + outbox.LEASE + timedelta(seconds=1)
    emptied(later)
    assert [body["id"] for body in hook.bodies] == [str(dead[0].message)]
    outbox.not_delivered(dead, "It came back from the dead.", now=later)
    assert states() == [NoticeState.SENT]


def test_a_channel_that_is_down_keeps_no_other_one_waiting(hook: Ear, scheduling: Setting) -> None:
    channels_now = {"ops": f"{hook.url}/hook", "down": "http://127.0.0.1:9/"}
    scheduling(NOTICE_CHANNELS=channels_now)
    make_rule(Event.FAILED, channels=["down", "ops"])
    ended(make_job(), State.FAILED)
    looked()
    for name in outbox.waiting_channels(SOON):
        emptied(channel=name)
    assert states() == [NoticeState.WAITING, NoticeState.SENT]


def test_each_channel_has_a_thread_of_its_own_and_one_at_a_time() -> None:
    post, hold, worked = Post(lambda: NOON), threading.Event(), []

    def slow() -> None:
        worked.append("slow")
        hold.wait(30)

    post.begin([("slow", slow), ("quick", lambda: worked.append("quick"))])
    post.senders["quick"].join(30)
    post.begin([("slow", slow), ("quick", lambda: worked.append("quick"))])
    post.senders["quick"].join(30)
    hold.set()
    post.senders["slow"].join(30)
    assert sorted(worked) == ["quick", "quick", "slow"]


def test_a_line_that_is_sent_again_is_a_message_of_its_own(hook: Ear) -> None:
    make_rule(Event.FAILED)
    ended(make_job(), State.FAILED)
    looked()
    emptied()
    assert outbox.send_again(Notice.objects.get(), by="ada", now=SOON)
    assert not outbox.send_again(Notice.objects.get(), by="ada", now=SOON)
    emptied()
    assert len({body["id"] for body in hook.bodies}) == 2


def test_old_lines_and_incidents_are_pruned_and_open_ones_stay(hook: Ear) -> None:
    make_rule(Event.FAILED)
    over, standing = make_job(), make_job()
    for job in (over, standing):
        ended(job, State.FAILED)
    looked()
    ended(over, at=NOON + MINUTE)
    looked(NOON + MINUTE)
    emptied()
    assert outbox.prune(NOON + timedelta(days=89)) == 0
    assert outbox.prune(NOON + timedelta(days=91)) == 3
    assert not Notice.objects.exists()
    assert [each.subject for each in Incident.objects.all()] == [f"job:{standing.pk}"]


# Through apprise


@pytest.fixture
def discord(ear: Ear, scheduling: Setting, monkeypatch: pytest.MonkeyPatch) -> Ear:
    """Discord as its documentation has it, on loopback: apprise's own client, but for the base of its address."""
    monkeypatch.setattr(NotifyDiscord, "notify_url", f"{ear.url}/api/webhooks")
    monkeypatch.setattr(NotifyDiscord, "request_rate_per_sec", 0)
    scheduling(NOTICE_CHANNELS={"ops": "discord://4174296324/kT5gAb_secret_token_0123456789"})
    return ear


def test_a_message_reaches_discord(discord: Ear) -> None:
    make_rule(Event.FAILED)
    ended(make_job(name="Backup"), State.FAILED, error_message="@everyone look, <@123> and <!channel>")
    looked()
    emptied()
    (path,) = discord.paths
    assert path.partition("?")[0] == "/api/webhooks/4174296324/kT5gAb_secret_token_0123456789"
    (body,) = discord.bodies
    said = json.dumps(body, ensure_ascii=False)
    assert "Backup failed" in said
    assert "ValueError" in said
    assert "@everyone" not in said
    assert "<@123" not in said
    assert "<!channel" not in said
    assert states() == [NoticeState.SENT]


def test_discord_that_asks_to_wait_gets_it_later(discord: Ear) -> None:
    make_rule(Event.FAILED)
    ended(make_job(), State.FAILED)
    looked()
    discord.answers = [(429, {"Retry-After": "1"})] * 2
    emptied()
    line = Notice.objects.get()
    assert line.state == NoticeState.WAITING
    assert "429" in line.error or "rate limit" in line.error.lower()
    assert "kT5gAb_secret" not in line.error
    emptied(line.due_at)
    assert states() == [NoticeState.SENT]


def test_discord_is_not_followed_elsewhere(discord: Ear) -> None:
    discord.answers = [(307, {"Location": f"{discord.url}/internal"})] * 2
    assert "307" in send_test("ops", "ada", lambda: NOON)
    assert not [path for path in discord.paths if path == "/internal"]


class _Letters(MailHandler):
    def __init__(self) -> None:
        super().__init__()
        self.letters: list[Mail] = []

    def handle_message(self, message: Mail) -> None:
        self.letters.append(message)


@pytest.fixture
def letters(scheduling: Setting) -> Iterator[list[Mail]]:
    """A mail server on loopback, which is no web hook: it needs no leave."""
    handler = _Letters()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    server = Controller(handler, hostname="127.0.0.1", port=port)
    server.start()
    scheduling(NOTICE_CHANNELS={"ops": f"mailto://127.0.0.1:{port}?from=rota@example.org&to=ops@example.org"})
    yield handler.letters
    server.stop()


def test_a_message_is_mailed(letters: list[Mail]) -> None:
    make_rule(Event.FAILED)
    ended(make_job(name="Backup"), State.FAILED)
    looked()
    emptied()
    (letter,) = letters
    assert letter["To"] == "ops@example.org"
    assert "Backup failed" in str(letter["Subject"])
    text = "".join(str(part.get_payload(decode=True)) for part in letter.walk() if not part.is_multipart())
    assert "ValueError: no luck" in text
    assert states() == [NoticeState.SENT]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("nonsense://x", "apprise cannot read NOTICE_CHANNEL_OPS"),
        ("discord://only-one-part", "apprise cannot read NOTICE_CHANNEL_OPS"),
        ("https://", "no complete address"),
        ("xml://127.0.0.1/", "cannot be kept from private addresses"),
        ("forms://hooks.example/", "cannot be kept from private addresses"),
        ("discord://4174296324/kT5gAb0123456789", ""),
        ("https://hooks.example/rota", ""),
        ("jsons://hooks.example/rota", ""),
    ],
)
def test_a_channel_is_looked_at_before_it_is_used(address: str, told: str, scheduling: Setting) -> None:
    scheduling(NOTICE_CHANNELS={"ops": address})
    complaint = channels.complaint("ops")
    assert told in complaint
    assert bool(told) is bool(complaint)
    assert "kT5gAb" not in complaint


@pytest.mark.parametrize(
    "address", ["gotify://{}/AbCdEf0123456789", "mmost://{}/abcdefghijklmnopqrstuvwx", "ntfy://{}/ops"]
)
def test_a_service_of_ones_own_is_not_reached_on_a_private_address(address: str, ear: Ear, scheduling: Setting) -> None:
    scheduling(NOTICE_CHANNELS={"ops": address.format(f"127.0.0.1:{ear.port}")})
    assert "127.0.0.1 is not public" in send_test("ops", "ada", lambda: NOON)
    assert not ear.heard


# Two at once


@pytest.mark.django_db(transaction=True)
def test_two_that_look_and_send_at_once_tell_each_thing_once(hook: Ear) -> None:
    make_rule(Event.FAILED)
    for _ in range(5):
        ended(make_job(), State.FAILED)
    barrier = threading.Barrier(2)

    def work() -> None:
        barrier.wait(30)
        looked()
        for _ in range(3):
            while claimed := outbox.claim_message("ops", SOON, TOGETHER):
                send(claimed, lambda: SOON)
        connection.close()

    pair = [threading.Thread(target=work) for _ in range(2)]
    for each in pair:
        each.start()
    for each in pair:
        each.join(60)
    emptied()
    told: list[Any] = [line["run"] for body in hook.bodies for line in body["notices"]]
    assert len(told) == len(set(told)) == 5
    assert Incident.objects.count() == 5
