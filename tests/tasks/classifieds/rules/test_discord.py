"""Discord: embeds within its limits, its pace obeyed, its refusals understood."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tasks.classifieds.discord import CHARACTERS, EMBEDS, Discord, cut, embed, harmless, length, pause
from tasks.classifieds.models import ClosedChannel, Delivery, Match, Occasion
from tasks.classifieds.news import News
from tasks.classifieds.notify import Delivered
from tasks.demo import discord as fake
from tasks.demo.discord import complaints
from tasks.demo.upstream import Upstream
from tasks.http import Deadline
from tasks.recording import Entry
from tests.tasks.classifieds.rules.conftest import NOON, WEBHOOK, deliver, make_listing, make_match

EVIL = "@everyone [click](http://evil.example) <@1> **bold** <script>"


def news(**values: Any) -> News:
    usual: dict[str, Any] = {
        "rule_id": 1,
        "listing_id": 2,
        "key": "",
        "occasion": Occasion.NEW,
        "rule": "HP",
        "title": "ACME HP-900",
        "url": "https://classifieds.example/acme.2/",
        "price": "800 USD",
        "facts": (("Price", "800 USD"),),
        "cover": "",
        "listed_at": NOON,
    }
    return News(**(usual | values))


@pytest.fixture
def channel() -> Discord:
    return Discord("https://discord.example/api/webhooks/1/x", "rota", Deadline(5))


def test_an_embed_has_what_is_worth_knowing() -> None:
    assert embed(news(cover="https://classifieds.example/a.jpg")) == {
        "title": "New: ACME HP\\-900",
        "url": "https://classifieds.example/acme.2/",
        "color": 0x2ECC71,
        "timestamp": "2026-09-14T12:00:00+00:00",
        "thumbnail": {"url": "https://classifieds.example/a.jpg"},
        "fields": [{"name": "Price", "value": "800 USD", "inline": True}],
        "footer": {"text": "rule: HP"},
    }


def test_what_is_too_long_is_cut_by_code_points() -> None:
    long = embed(news(title="🎧" * 300, rule="r" * 3000, facts=(("n" * 300, "v" * 2000),)))
    assert (len(long["title"]), long["title"][-1]) == (256, "…")
    assert (len(long["footer"]["text"]), len(long["fields"][0]["name"])) == (2048, 256)
    assert len(long["fields"][0]["value"]) == 1024
    assert complaints({"embeds": [long]}) == {}
    assert cut("ab\\*", 4) == "ab\\*"
    assert cut("ab\\*c", 4) == "ab…"


def test_texts_of_others_format_and_call_nothing() -> None:
    shown = harmless(EVIL)
    assert "@everyone" not in shown.replace("\\@", "")
    assert "\\[click\\]\\(" in shown
    assert "\\*\\*bold" in shown


def test_a_message_holds_ten_embeds_and_6000_characters(channel: Discord) -> None:
    short = [news(url=f"https://classifieds.example/{number}/") for number in range(25)]
    assert [len(piece) for piece in channel.pieces(short)] == [10, 10, 5]
    long = [news(url=f"https://classifieds.example/{n}/", facts=(("Seller", "v" * 1000),) * 2) for n in range(7)]
    pieces = channel.pieces(long)
    assert [index for piece in pieces for index in piece] == list(range(7))
    for piece in pieces:
        assert sum(length(embed(long[index])) for index in piece) <= CHARACTERS
    assert len(pieces) == 4


def test_embeds_with_the_same_address_go_apart(channel: Discord) -> None:
    assert channel.pieces([news(rule="A"), news(rule="B"), news(url="https://classifieds.example/other/")]) == [
        [0],
        [1, 2],
    ]


@pytest.mark.parametrize(
    ("headers", "status", "seconds"),
    [
        ({"X-RateLimit-Remaining": "4", "X-RateLimit-Reset-After": "1.5"}, 200, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1.5"}, 200, 1.5),
        ({"Retry-After": "0.65"}, 429, 0.65),
        ({"X-RateLimit-Reset-After": "2"}, 429, 2.0),
        ({}, 429, None),
        ({"Retry-After": "nan"}, 429, None),
        ({"Retry-After": "-1"}, 429, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "soon"}, 200, None),
    ],
)
def test_its_headers_say_when_to_go_on(headers: dict[str, str], status: int, seconds: float | None) -> None:
    assert pause(headers, status) == seconds


# Through the real client


@pytest.mark.django_db
class TestDelivery:
    def test_matches_are_told_in_few_messages(self, entry: Entry, on_discord: Upstream, discord: fake.Discord) -> None:
        for _ in range(EMBEDS + 2):
            make_match(make_listing(f"ACME {EVIL}"), channels=("discord",))
        assert deliver(entry, NOON) == Delivered(sent=12, failed=0, waiting=0)
        assert [len(message.embeds) for message in discord.messages] == [10, 2]
        assert set(Delivery.objects.values_list("state", "sent_at", "error", "claim")) == {("sent", NOON, "", None)}
        sent = json.loads(on_discord.requests[0].body)
        assert sent["allowed_mentions"] == {"parse": []}
        assert on_discord.requests[0].target == f"{WEBHOOK}?wait=true"
        assert on_discord.requests[0].headers["user-agent"].startswith("Rota/")
        assert deliver(entry, NOON) == Delivered(0, 0, 0)

    def test_two_rules_that_found_the_same_both_tell(self, entry: Entry, on_discord: Upstream, discord: Any) -> None:
        listing = make_listing()
        for _ in range(2):
            make_match(listing, channels=("discord",))
        assert deliver(entry, NOON).sent == 2
        assert [len(message.embeds) for message in discord.messages] == [1, 1]

    def test_after_429_it_goes_on_when_it_may(self, entry: Entry, on_discord: Upstream, discord: fake.Discord) -> None:
        body = b'{"message": "You are being rate limited.", "retry_after": 0.01, "global": false}'
        on_discord.fail("/webhooks/", 429, headers={"Retry-After": "0.01"}, body=body)
        make_match(channels=("discord",))
        assert deliver(entry, NOON) == Delivered(1, 0, 0)
        assert len(discord.messages) == 1

    @pytest.mark.parametrize("headers", [{}, {"Retry-After": "nonsense"}, {"Retry-After": "3600"}])
    def test_429_for_ever_costs_no_attempt(self, entry: Entry, on_discord: Upstream, headers: dict[str, str]) -> None:
        body = b'{"retry_after": 3600.0}' if headers else b"<html>"
        on_discord.fail("/webhooks/", 429, times=99, headers=headers, body=body)
        make_match(channels=("discord",))
        assert deliver(entry, NOON) == Delivered(0, 0, 1)
        waiting = Delivery.objects.get()
        assert (waiting.state, waiting.attempts, waiting.claim) == ("pending", 0, None)
        assert (waiting.retry_at - NOON).total_seconds() in (0, 3600)
        assert on_discord.asked("/webhooks/") <= 3

    @pytest.mark.parametrize(
        ("headers", "body"), [({"Retry-After": "120.5"}, b""), ({}, b'{"retry_after": 120.5}')], ids=["header", "body"]
    )
    def test_a_long_pause_of_a_fraction_is_kept_at_once(
        self, entry: Entry, on_discord: Upstream, headers: dict[str, str], body: bytes
    ) -> None:
        on_discord.fail("/webhooks/", 429, times=99, headers=headers, body=body)
        make_match(channels=("discord",))
        assert deliver(entry, NOON) == Delivered(0, 0, 1)
        waiting = Delivery.objects.get()
        assert (waiting.attempts, (waiting.retry_at - NOON).total_seconds()) == (0, 120.5)
        assert on_discord.asked("/webhooks/") == 1

    @pytest.mark.parametrize("status", [500, 502, 503, 529])
    def test_an_outage_is_waited_for(self, entry: Entry, on_discord: Upstream, discord: Any, status: int) -> None:
        on_discord.fail("/webhooks/", status)
        make_match(channels=("discord",))
        assert deliver(entry, NOON) == Delivered(0, 0, 1)
        waiting = Delivery.objects.get()
        assert (waiting.attempts, waiting.error) == (1, f"Discord answered {status}.")
        assert (waiting.retry_at - NOON).total_seconds() == 60
        assert deliver(entry, NOON) == Delivered(0, 0, 1)
        assert deliver(entry, waiting.retry_at) == Delivered(1, 0, 0)
        assert len(discord.messages) == 1

    @pytest.mark.parametrize("how", ["drop", "truncate", "html", "empty"])
    def test_what_was_not_confirmed_is_sent_again(
        self, entry: Entry, on_discord: Upstream, discord: Any, how: str
    ) -> None:
        if how == "drop":
            on_discord.drop("/webhooks/")
        elif how == "truncate":
            on_discord.truncate("/webhooks/", 10)
        else:
            on_discord.fail("/webhooks/", 200 if how == "html" else 204, body=b"<html>" if how == "html" else b"")
        make_match(channels=("discord",))
        assert deliver(entry, NOON) == Delivered(0, 0, 1)
        assert "secret" not in Delivery.objects.get().error
        assert deliver(entry, Delivery.objects.get().retry_at).sent == 1

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_refused_webhook_is_asked_no_more_until_its_setting_changes(
        self, entry: Entry, on_discord: Upstream, discord: Any, configure: Callable[..., None], status: int
    ) -> None:
        on_discord.fail("/webhooks/1234567890/", status, times=99)
        for _ in range(12):
            make_match(channels=("discord",))
        assert deliver(entry, NOON) == Delivered(0, 0, 12)
        assert deliver(entry, NOON) == Delivered(0, 0, 12)
        assert on_discord.asked("/webhooks/") == 1
        assert "secret" not in ClosedChannel.objects.get().why + ClosedChannel.objects.get().setting
        errors = set(Delivery.objects.values_list("error", "attempts"))
        assert errors == {(ClosedChannel.objects.get().why, 0)}
        configure(DISCORD_WEBHOOK_URL=f"{on_discord.url}/api/webhooks/99/another")
        assert deliver(entry, NOON) == Delivered(12, 0, 0)
        assert not ClosedChannel.objects.exists()

    def test_a_closed_channel_is_tried_again_once_a_day(
        self, entry: Entry, on_discord: Upstream, discord: Any, configure: Callable[..., None]
    ) -> None:
        on_discord.fail("/webhooks/1234567890/", 403, times=2)
        make_match(channels=("discord",))
        hours = [NOON + timedelta(hours=hour) for hour in range(50)]
        assert [deliver(entry, hour).sent for hour in hours] == [0] * 48 + [1, 0]
        assert on_discord.asked("/webhooks/") == 3
        assert not ClosedChannel.objects.exists()

    def test_one_bad_message_is_found_and_given_up(
        self, entry: Entry, on_discord: Upstream, discord: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for title in ("good", "BAD", "better"):
            make_match(make_listing(title), channels=("discord",))
        monkeypatch.setattr(fake, "_wrong", lambda embed: {"title": "BAD"} if "BAD" in embed["title"] else {})
        assert deliver(entry, NOON) == Delivered(sent=2, failed=1, waiting=0)
        refused = Delivery.objects.get(state="failed")
        assert refused.match.listing.title == "BAD"
        assert "Discord refused the message (400)" in refused.error
        assert [message.embeds[0]["title"] for message in discord.messages] == ["New: good", "New: better"]

    def test_when_time_is_up_the_rest_waits(
        self, entry: Entry, on_discord: Upstream, discord: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tasks.classifieds.notify.TIME", 0.0)
        make_match(channels=("discord",))
        assert deliver(entry, NOON) == Delivered(0, 0, 1)
        assert Delivery.objects.get().attempts == 0
        assert not discord.messages

    @pytest.mark.parametrize("how", ["slow", "drip"])
    def test_a_slow_answer_ends_with_the_time_there_is(
        self, entry: Entry, on_discord: Upstream, monkeypatch: pytest.MonkeyPatch, how: str
    ) -> None:
        monkeypatch.setattr("tasks.classifieds.notify.TIME", 0.3)
        monkeypatch.setattr("tasks.classifieds.notify.ROOM", 0.0)
        getattr(on_discord, how)("/webhooks/", 0.5 if how == "slow" else 0.02)
        make_match(channels=("discord",))
        assert deliver(entry, NOON) == Delivered(0, 0, 1)
        waiting = Delivery.objects.get()
        assert (waiting.state, waiting.claim, waiting.attempts) == ("pending", None, 1)
        assert (waiting.retry_at - NOON).total_seconds() == 60

    def test_a_webhook_keeps_its_own_parameters(
        self, entry: Entry, upstream: Upstream, configure: Callable[..., None]
    ) -> None:
        configure(DISCORD_WEBHOOK_URL=f"{upstream.url}{WEBHOOK}?thread_id=7")
        make_match(channels=("discord",))
        assert deliver(entry, NOON).sent == 1
        assert upstream.requests[0].params == {"thread_id": "7", "wait": "true"}

    def test_the_demos_page_shows_what_was_told_as_text(self, entry: Entry, on_discord: Upstream, discord: Any) -> None:
        make_match(make_listing(EVIL), channels=("discord",))
        assert deliver(entry, NOON).sent == 1
        page = discord._page().body.decode()
        assert "&lt;script&gt;" in page
        assert "<script>" not in page
        assert Match.objects.get().rule.name in page


# The fake itself


def test_the_demo_refuses_what_discord_refuses() -> None:
    fine = embed(news())
    assert complaints({"embeds": [fine] * 10}) == {}
    refused: list[dict[str, Any]] = [
        {"embeds": [fine] * 11},
        {"embeds": []},
        {"embeds": [{**fine, "title": "x" * 257}]},
        {"embeds": [{**fine, "fields": [{"name": "n", "value": ""}]}]},
        {"embeds": [{**fine, "fields": [{"name": "n", "value": "x" * 1025}]}]},
        {"embeds": [{**fine, "fields": fine["fields"] * 26}]},
        {"embeds": [{**fine, "description": "x" * 3000}] * 3},
        {"content": "x" * 2001},
    ]
    assert all(map(complaints, refused))
