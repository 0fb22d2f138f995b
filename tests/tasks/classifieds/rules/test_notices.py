"""Notices: told at least once, by one worker each, with patience, and channel by channel."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from threading import Barrier, Thread
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduling.context import StopSignal
from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.classifieds import outbox
from tasks.classifieds.channels import choices, fingerprint
from tasks.classifieds.discord import Discord
from tasks.classifieds.facts import address_of, facts_of
from tasks.classifieds.models import Delivery, DeliveryState
from tasks.classifieds.news import news_of
from tasks.classifieds.notify import ROOM, TIME, Delivered, deliver_waiting
from tasks.classifieds.tasks import tell_of_matches
from tasks.demo.upstream import Upstream
from tasks.exceptions import PartsFailed
from tasks.models import TaskRecord
from tasks.recording import Entry, record
from tests.tasks.classifieds.rules.conftest import NOON, WEBHOOK, deliver, make_listing, make_match

pytestmark = pytest.mark.django_db


def one(**values: Any) -> Delivery:
    delivery: Delivery = make_match(channels=("discord",), **values).deliveries.get()
    return delivery


def test_only_configured_channels_can_be_chosen(configure: Callable[..., None], scheduling_options: Any) -> None:
    scheduling_options(
        NOTICE_CHANNELS={"ops": "json://hooks.example/x", "discord": "discord://1/2", "x" * 51: "json://x"}
    )
    assert choices() == [("discord", "discord (discord)"), ("ops", "ops (web hook)")]
    configure(
        DISCORD_WEBHOOK_URL="https://d.example",
        GMAIL_ADDRESS="a@b.example",
        GMAIL_APP_PASSWORD="x",
        NOTIFY_EMAIL="c@d.example",
    )
    assert choices() == [("discord", "Discord"), ("mail", "Mail to c@d.example"), ("ops", "ops (web hook)")]


@pytest.mark.usefixtures("configure")
def test_other_channels_are_those_of_the_scheduler(
    entry: Entry, scheduling_options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduling_options(NOTICE_CHANNELS={"ops": "json://hooks.example/x"})
    said: list[Any] = []
    monkeypatch.setattr("scheduling.notices.outbound.post", lambda url, body, headers: said.append((url, body)))
    for _ in range(2):
        make_match(channels=("ops",))
    assert deliver(entry, NOON) == Delivered(2, 0, 0)
    url, body = said[0]
    assert (len(said), url) == (1, "http://hooks.example/x")
    assert b"2 listings" in body
    assert b"https://classifieds.example/classifieds/acme." in body


def test_a_channel_that_is_not_configured_stops_no_other(
    entry: Entry, on_discord: Upstream, scheduling_options: Any
) -> None:
    scheduling_options(NOTICE_CHANNELS={"broken": "nosuch://x"})
    make_match(channels=("broken", "discord", "gone", "mail"))
    assert deliver(entry, NOON) == Delivered(1, 0, 3)
    errors = dict(Delivery.objects.filter(state="pending").values_list("channel", "error"))
    assert errors["gone"] == "The channel gone is not configured."
    assert errors["broken"].startswith("apprise cannot read NOTICE_CHANNEL_BROKEN")
    assert set(Delivery.objects.filter(state="pending").values_list("attempts", flat=True)) == {0}


def test_a_surprise_on_one_channel_stops_no_other_and_is_told(
    entry: Entry, on_discord: Upstream, scheduling_options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduling_options(NOTICE_CHANNELS={"another": "json://hooks.example/x"})
    for _ in range(12):
        make_match(channels=("another", "discord"))

    def surprise(*_: Any) -> None:
        raise LookupError("Nobody has foreseen this.")

    monkeypatch.setattr("scheduling.notices.outbound.post", surprise)
    with pytest.raises(PartsFailed, match="another: LookupError: Nobody has foreseen this"):
        deliver(entry, NOON)
    assert entry.result == {"sent": 12, "failed": 0, "waiting": 12}
    waiting = Delivery.objects.filter(state="pending", claim=None).order_by("id")
    assert set(waiting.values_list("channel", flat=True)) == {"another"}
    assert [each.attempts for each in waiting] == [1] * 10 + [0] * 2
    assert waiting[0].retry_at == NOON + timedelta(minutes=1)
    assert waiting[0].error == "It was broken off: LookupError."


def test_it_waits_longer_each_time_and_gives_up_in_the_end(entry: Entry, on_discord: Upstream) -> None:
    on_discord.fail("/webhooks/", 500, times=99)
    delivery, waits, now = one(), [], NOON
    for _ in range(outbox.ATTEMPTS):
        done = deliver(entry, now)
        delivery.refresh_from_db()
        waits.append((delivery.retry_at - now).total_seconds() / 60)
        now = delivery.retry_at
    assert waits[:-1] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert done == Delivered(0, 1, 0)
    assert (delivery.state, delivery.error) == ("failed", "Discord answered 500.")
    assert on_discord.asked("/webhooks/") == outbox.ATTEMPTS
    assert outbox.try_again(Delivery.objects.all(), now) == 1
    on_discord._faults.clear()
    assert deliver(entry, now) == Delivered(1, 0, 0)


def test_what_nobody_wants_to_hear_any_more_is_given_up(entry: Entry, configure: Callable[..., None]) -> None:
    one(matched_at=NOON - timedelta(days=7, seconds=1))
    one(matched_at=NOON - timedelta(days=6))
    assert deliver(entry, NOON) == Delivered(0, 1, 1)
    assert Delivery.objects.get(state="failed").error == "It could not be told within 7 days."


def test_an_old_match_that_is_tried_again_gets_its_days_anew(entry: Entry, on_discord: Upstream) -> None:
    on_discord.fail("/webhooks/", 500)
    delivery = one(matched_at=NOON - timedelta(days=30))
    assert deliver(entry, NOON) == Delivered(0, 1, 0)
    assert outbox.try_again(Delivery.objects.all(), NOON) == 1
    assert deliver(entry, NOON) == Delivered(0, 0, 1)
    delivery.refresh_from_db()
    assert (delivery.attempts, delivery.error) == (1, "Discord answered 500.")
    assert deliver(entry, NOON + outbox.KEPT_FOR) == Delivered(1, 0, 0)


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/classifieds/acme.1/", "/classifieds/acme.1/"),
        ("/classifieds/kopfhörer>(x) y.1/", "/classifieds/kopfh%C3%B6rer%3E%28x%29%20y.1/"),
        ("/classifieds/caf%C3%A9.1/", "/classifieds/caf%C3%A9.1/"),
        ("//evil.example/x", "/evil.example/x"),
        ("javascript:alert(1)", "/javascript%3Aalert%281%29"),
    ],
)
def test_an_address_is_quoted_wherever_it_is_told(path: str, address: str) -> None:
    listing = make_listing(path=path)
    whole = f"https://classifieds.example{address}"
    assert address_of(listing, "https://classifieds.example/") == whole
    assert news_of(make_match(listing), "https://classifieds.example").url == whole
    assert facts_of(listing, "https://classifieds.example")["url"] == (whole,)


def test_the_channels_that_are_due_are_asked_for_once_each(
    db: None, django_assert_num_queries: Callable[..., AbstractContextManager[CaptureQueriesContext]]
) -> None:
    for _ in range(5):
        make_match(channels=("mail", "discord"))
    with django_assert_num_queries(1) as asked:
        assert outbox.channels_due(NOON) == ["discord", "mail"]
    assert "DISTINCT" in asked.captured_queries[0]["sql"]
    assert outbox.channels_due(NOON - timedelta(seconds=1)) == []


def test_a_claim_is_one_workers_until_it_is_over(db: None) -> None:
    one(), one()
    ours = outbox.claim("discord", NOON, 10)
    assert [each.attempts for each in ours] == [1, 1]
    assert outbox.claim("discord", NOON, 10) == []
    later = NOON + outbox.LEASE
    theirs = outbox.claim("discord", later, 10)
    assert [each.attempts for each in theirs] == [2, 2]
    assert outbox.sent(ours, later) == 0
    assert outbox.sent(theirs, later) == 2


def test_no_channel_begins_a_message_when_its_time_is_up(
    entry: Entry, scheduling_options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduling_options(NOTICE_CHANNELS={"ops": "json://hooks.example/x"})
    said: list[Any] = []
    monkeypatch.setattr("scheduling.notices.outbound.post", lambda *told: said.append(told))
    monkeypatch.setattr("tasks.http.time", SimpleNamespace(monotonic=lambda: len(said) * (TIME - ROOM) / 2))
    for _ in range(25):
        make_match(channels=("ops",))
    assert deliver(entry, NOON) == Delivered(20, 0, 5)
    assert set(Delivery.objects.filter(state="pending").values_list("attempts", "claim")) == {(0, None)}
    assert timedelta(seconds=2 * TIME) < outbox.LEASE


def test_a_claim_made_late_in_a_round_is_as_long_as_any_other(
    entry: Entry, on_discord: Upstream, discord: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(11):
        one()
    stolen: list[Delivery] = []
    send = Discord.send

    def clock() -> datetime:
        return NOON + timedelta(minutes=11) if discord.messages else NOON

    def watched(channel: Discord, *told: Any) -> None:
        """While the second message is sent, another worker looks for what is free."""
        if discord.messages:
            stolen.extend(outbox.claim("discord", clock(), 10))
        send(channel, *told)

    monkeypatch.setattr(Discord, "send", watched)
    assert deliver_waiting(entry, NOON, clock).sent == 11
    assert stolen == []
    assert [len(message.embeds) for message in discord.messages] == [10, 1]
    assert Delivery.objects.latest("id").sent_at == clock()


def test_what_takes_its_workers_along_is_given_up(db: None) -> None:
    delivery, now = one(), NOON
    while outbox.claim("discord", now, 1):
        now += outbox.LEASE
    assert outbox.give_up(now) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.error) == (DeliveryState.FAILED, "It was tried 10 times.")


def test_a_crash_after_the_post_tells_it_again_when_the_claim_is_over(
    entry: Entry, on_discord: Upstream, discord: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one()

    def dies(*_: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        for name in ("sent", "try_later", "put_off"):
            patched.setattr(outbox, name, dies)
        with pytest.raises(KeyboardInterrupt):
            deliver(entry, NOON)
    assert deliver(entry, NOON) == Delivered(0, 0, 1)
    assert deliver(entry, NOON + outbox.LEASE) == Delivered(1, 0, 0)
    assert len(discord.messages) == 2


@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_each_match_once(on_discord: Upstream, discord: Any) -> None:
    for _ in range(60):
        one()
    start, sent, errors = Barrier(2), [], []

    def work() -> None:
        try:
            with record(None, task_name="test") as entry:
                start.wait(10)
                sent.append(deliver(entry, NOON).sent)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    workers = [Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert not errors
    urls = [embed["url"] for message in discord.messages for embed in message.embeds]
    assert len(urls) == len(set(urls)) == sum(sent) == 60


def test_a_job_tells_what_waits_between_two_scans(
    run: Callable[..., Outcome], on_discord: Upstream, discord: Any
) -> None:
    one(matched_at=timezone.now())
    outcome = run(tell_of_matches)
    assert outcome.state == State.SUCCEEDED
    assert TaskRecord.objects.get().result == {"sent": 1, "failed": 0, "waiting": 0}
    assert len(discord.messages) == 1


def test_a_cancelled_run_begins_no_other_message(
    run: Callable[..., Outcome], on_discord: Upstream, discord: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    match = make_match(channels=("discord",), matched_at=timezone.now())  # told by two rules, so by two messages
    make_match(match.listing, channels=("discord",), matched_at=timezone.now())
    stop, send = StopSignal(), Discord.send

    def cancelled(channel: Discord, *told: Any) -> None:
        send(channel, *told)
        stop.request()

    monkeypatch.setattr(Discord, "send", cancelled)
    assert run(tell_of_matches, stop=stop).state == State.CANCELLED
    assert len(discord.messages) == 1
    assert set(Delivery.objects.values_list("state", "attempts", "claim")) == {("sent", 1, None), ("pending", 0, None)}


def test_the_fingerprint_of_a_setting_gives_nothing_away() -> None:
    assert fingerprint(WEBHOOK) == fingerprint(WEBHOOK) != fingerprint(WEBHOOK + "x")
    assert len(fingerprint(WEBHOOK)) == 64


def test_a_foreign_claim_changes_nothing(db: None) -> None:
    one()
    claimed = outbox.claim("discord", NOON, 1)
    claimed[0].claim = uuid4()
    assert outbox.failed(claimed, "x") == outbox.put_off(claimed, NOON, "x") == outbox.sent(claimed, NOON) == 0


def test_errors_fit_their_column(db: None) -> None:
    one()
    outbox.failed(outbox.claim("discord", NOON, 1), "\x00ü" * 400)
    assert len(Delivery.objects.get().error) == 300
