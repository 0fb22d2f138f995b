"""The pages of rules, filters, rates, matches and deliveries: who may what, and nothing from outside is markup."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tasks.classifieds import trial
from tasks.classifieds.admin.rule_preview import _units
from tasks.classifieds.models import ClosedChannel, Delivery, ExchangeRate, Filters, Match, Rule
from tests.scheduling.admin.conftest import errors, filled
from tests.tasks.classifieds.rules.conftest import NOON, make_listing, make_match, make_rule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configure"), pytest.mark.sqlite_only]

RULE, FILTERS, RATE = "/admin/classifieds/rule/", "/admin/classifieds/filters/", "/admin/classifieds/exchangerate/"
MATCH, DELIVERY = "/admin/classifieds/match/", "/admin/classifieds/delivery/"
EVIL = "<script>alert(1)</script>"

type Login = Callable[..., Client]


@pytest.fixture
def login() -> Login:
    def login(*names: str) -> Client:
        user = User.objects.create(username=f"u{User.objects.count()}", is_staff=True)
        wanted = Permission.objects.filter(content_type__app_label="classifieds", codename__in=names)
        user.user_permissions.add(*wanted)
        client = Client()
        client.force_login(user)
        return client

    return login


def previewed(client: Client, expression: str, **fields: Any) -> str:
    data = {"expression": expression, "currency": "USD", "listing_types": "usual", "exclude_status": "usual"}
    return str(client.post(f"{RULE}preview/", {**data, **fields}).text)


def test_each_page_asks_for_its_permission(login: Login) -> None:
    rule, match = make_rule(), make_match(channels=("discord",))
    rate = ExchangeRate.objects.create(currency="EUR", in_usd=1, as_of=date(2026, 9, 1))
    Filters.objects.create(pk=1)
    pages = {
        "view_rule": (RULE, f"{RULE}{rule.pk}/change/"),
        "add_rule": (f"{RULE}add/",),
        "delete_rule": (f"{RULE}{rule.pk}/delete/",),
        "view_filters": (f"{FILTERS}1/change/",),
        "view_exchangerate": (RATE, f"{RATE}{rate.pk}/change/"),
        "view_match": (MATCH, f"{MATCH}{match.pk}/change/"),
        "view_delivery": (DELIVERY, f"{DELIVERY}{match.deliveries.get().pk}/change/"),
    }
    nobody = login()
    for permission, addresses in pages.items():
        able = login(permission)
        for address in addresses:
            assert (able.get(address).status_code, nobody.get(address).status_code) == (200, 403), address
    assert login("view_rule").post(f"{RULE}preview/").status_code == 403
    assert login("add_rule").post(f"{RULE}preview/").status_code == 200
    assert login("add_rule").get(f"{RULE}preview/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("boss"))
    assert strict.post(f"{RULE}preview/", {"expression": "price < 5"}).status_code == 403


def test_nobody_makes_matches_or_changes_them(admin_client: Client) -> None:
    match = make_match(channels=("discord",))
    for address in (MATCH, DELIVERY, FILTERS):
        assert admin_client.get(f"{address}add/").status_code == 403
    assert admin_client.post(f"{MATCH}{match.pk}/change/", {"key": "x"}).status_code == 403
    assert admin_client.post(f"{MATCH}{match.pk}/delete/", {"post": "yes"}).status_code == 403


# Writing a rule


def test_a_rule_is_made_and_changed(admin_client: Client) -> None:
    form = filled(admin_client.get(f"{RULE}add/"), name="HP", expression="price < 5\r\nAND price > 1")
    assert admin_client.post(f"{RULE}add/", form).status_code == 302
    rule = Rule.objects.get()
    assert rule.expression == "price < 5\nAND price > 1"
    assert (rule.listing_types, rule.ships_to, rule.exclude_status, rule.min_seller_reputation) == (None,) * 4
    assert (rule.categories, rule.channels, rule.changed_by) == ([], [], "admin")
    Rule.objects.update(changed_by="ada", changed_at=NOON)
    page = f"{RULE}{rule.pk}/change/"
    assert admin_client.post(page, filled(admin_client.get(page), name="HP-900")).status_code == 302
    rule.refresh_from_db()
    assert (rule.name, rule.changed_by, rule.changed_at) == ("HP-900", "ada", NOON)
    own = {"listing_types": ["For Sale"], "exclude_status": [], "ships_to_usual": None, "ships_to": "US, Canada"}
    assert admin_client.post(page, filled(admin_client.get(page), **own, min_seller_reputation=0)).status_code == 302
    rule.refresh_from_db()
    assert (rule.listing_types, rule.exclude_status, rule.ships_to) == (["For Sale"], [], ["US", "Canada"])
    assert (rule.min_seller_reputation, rule.changed_by) == (0, "admin")
    assert admin_client.post(page, filled(admin_client.get(page))).status_code == 302
    rule.refresh_from_db()
    assert (rule.listing_types, rule.exclude_status, rule.ships_to) == (["For Sale"], [], ["US", "Canada"])
    usual = {"listing_types": ["usual"], "exclude_status": ["usual"], "ships_to_usual": "on"}
    admin_client.post(page, filled(admin_client.get(page), **usual, min_seller_reputation=""))
    rule.refresh_from_db()
    assert (rule.listing_types, rule.ships_to, rule.exclude_status, rule.min_seller_reputation) == (None,) * 4


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("expression", "titel = 5", "Line 1, column 1: titel is no field. Did you mean title?"),
        ("expression", "price < 5" + " " * 2000, "at most 2000 characters"),
        ("expression", "", "required"),
        ("channels", ["gone"], "not one of the available choices"),
        ("categories", ["gone.1"], "not one of the available choices"),
        ("currency", "XYZ", "not one of the available choices"),
        ("listing_types", ["Nonsense"], "not one of the available choices"),
        ("min_seller_reputation", "-1", "greater than or equal to 0"),
    ],
)
def test_what_makes_no_sense_is_not_saved(admin_client: Client, field: str, value: Any, told: str) -> None:
    form = filled(admin_client.get(f"{RULE}add/"), name="HP", **{"expression": "price < 5", field: value})
    response = admin_client.post(f"{RULE}add/", form)
    assert told in " ".join(errors(response)[field])
    assert not Rule.objects.exists()


def test_channels_that_are_gone_are_still_shown(admin_client: Client) -> None:
    rule = make_rule(channels=["pager"], categories=["old.9"])
    text = admin_client.get(f"{RULE}{rule.pk}/change/").text
    assert "pager (not there any more)" in text
    assert "old.9 (not there any more)" in text


def test_who_only_looks_sees_the_rule_in_words(login: Login) -> None:
    rule = make_rule('title contains "<b>"', listing_types=["For Sale"])
    text = login("view_rule").get(f"{RULE}{rule.pk}/change/").text
    assert "The title contains “&lt;b&gt;”" in text
    assert "listing types: For Sale" in text
    assert "<textarea" not in text


# The preview


def test_the_preview_shows_where_the_mistake_is(admin_client: Client) -> None:
    text = previewed(admin_client, 'price < 5 AND\r\n  titel = "<b>"')
    assert "Line 2, column 3: titel is no field." in text
    assert "<code>  <mark>titel</mark> = &quot;&lt;b&gt;&quot;</code>" in text
    assert 'data-select="16 21"' in text
    assert "<mark>␣</mark>" in previewed(admin_client, "price <")
    assert "<mark>" not in previewed(admin_client, " ")
    assert _units("🎧a") == 3


def test_the_preview_tells_in_words_and_lists_what_it_finds(admin_client: Client) -> None:
    for number in range(25):
        make_listing(f"HP {number} {EVIL}", first_seen_at=NOON + timedelta(minutes=number))
    make_listing("HP", price=None)
    text = previewed(admin_client, 'title contains "HP" AND price < 1000')
    assert "The title contains “HP” and the price is below 1,000 USD" in text
    assert "matched <strong>25</strong> of the latest 26 listings" in " ".join(text.split())
    assert "1 more does not say what the rule asks for." in text
    assert text.count("<li>") == trial.SHOWN
    assert "And 5 more." in text
    assert text.index("HP 24") < text.index("HP 23")
    assert EVIL not in text
    assert "&lt;script&gt;" in text


def test_the_preview_goes_by_the_filters_in_the_form(admin_client: Client) -> None:
    Filters.objects.create(pk=1, exclude_status=["active"])
    make_listing()
    asked = {"expression": "price > 5"}
    assert "<strong>0</strong>" in previewed(admin_client, **asked)
    assert "<strong>1</strong>" in previewed(admin_client, **asked, exclude_status="sold")
    assert "<strong>0</strong>" in previewed(admin_client, **asked, exclude_status="sold", min_seller_reputation="3")


def test_the_preview_says_what_it_did_not_look_at(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_listing(), make_listing()
    monkeypatch.setattr(trial, "MOST", 1)
    assert "older ones were not looked at" in previewed(admin_client, "price > 5")
    monkeypatch.setattr(trial, "SECONDS", -1)
    assert "as far as time allowed" in previewed(admin_client, "price > 5")


def test_the_preview_doubts_old_and_missing_rates(admin_client: Client) -> None:
    make_listing()
    assert "There is no exchange rate of EUR" in previewed(admin_client, "price > 5 EUR")
    long_ago = timezone.now().date() - timedelta(days=40)
    ExchangeRate.objects.create(currency="EUR", in_usd=Decimal("1.1"), as_of=long_ago)
    assert "The exchange rate of EUR is 40 days old." in previewed(admin_client, "price > 5 EUR")
    assert "exchange rate" not in previewed(admin_client, "price > 5")


def test_the_preview_shows_listings_to_those_who_may_see_them(login: Login) -> None:
    make_listing("Secret HP")
    assert "Secret HP" in previewed(login("add_rule", "view_listing"), "price > 5")
    text = previewed(login("change_rule"), "price > 5")
    assert "<strong>1</strong>" in text
    assert "Secret HP" not in text


@pytest.mark.parametrize("expression", ["(" * 2000, "NOT " * 499 + "x", "x" * 3000, '"' * 1999, "\x00", "\ud83d"])
def test_the_preview_takes_anything(admin_client: Client, expression: str) -> None:
    response = admin_client.post(f"{RULE}preview/", {"expression": expression.encode("utf-8", "replace").decode()})
    assert response.status_code == 200


# Lists


def test_the_list_of_rules_needs_no_query_for_each(admin_client: Client) -> None:
    counts = []
    for size in (1, 9):
        for _ in range(size):
            make_match(rule=make_rule(channels=["discord"]), matched_at=timezone.now())
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(RULE).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_list_of_rules_tells_how_they_do(admin_client: Client) -> None:
    rule = make_rule("price < 5", name=f"Rule {EVIL}", channels=["discord"])
    Rule.objects.create(name="Broken", expression=f"titel = {EVIL}")
    for days in (0, 6, 8):
        make_match(rule=rule, matched_at=timezone.now() - timedelta(days=days))
    text = admin_client.get(RULE).text
    assert EVIL not in text
    assert "The price is below 5 USD" in text
    assert f'href="/admin/classifieds/match/?rule__id__exact={rule.pk}">2</a>' in text
    assert "Cannot be read" in text
    assert "discord?" in text


def test_matches_show_whom_they_were_told_to(admin_client: Client) -> None:
    match = make_match(make_listing(f"HP {EVIL}"), channels=("discord", "mail"))
    match.deliveries.filter(channel="mail").update(state="failed", error=EVIL)
    for address in (MATCH, f"{MATCH}?rule__id__exact={match.rule_id}", f"{MATCH}{match.pk}/change/", DELIVERY):
        text = admin_client.get(address).text
        assert "HP &lt;script&gt;" in text
        assert EVIL not in text
    assert match.listing.path in admin_client.get(f"{MATCH}{match.pk}/change/").text


def test_what_was_given_up_can_be_tried_again(login: Login) -> None:
    ClosedChannel.objects.create(channel="mail", setting="x", why="Bad login", closed_at=NOON)
    for state in ("pending", "sent", "failed"):
        make_match().deliveries.create(channel="mail", state=state, attempts=10)
    chosen = {"action": "try_again", "_selected_action": list(Delivery.objects.values_list("pk", flat=True))}
    viewer, able = login("view_delivery"), login("view_delivery", "change_delivery")
    assert "Nothing is sent on mail since 2026-09-14 12:00 UTC. Bad login" in viewer.get(DELIVERY).text
    viewer.post(DELIVERY, chosen)
    assert ClosedChannel.objects.exists()
    assert Delivery.objects.filter(state="failed").exists()
    assert "1 will be sent with the next scan. Open again: mail." in able.post(DELIVERY, chosen, follow=True).text
    assert not ClosedChannel.objects.exists()
    assert sorted(Delivery.objects.values_list("state", "attempts")) == [("pending", 0), ("pending", 10), ("sent", 10)]
    assert "None of them was given up." in able.post(DELIVERY, chosen, follow=True).text


def test_try_again_opens_the_channel_of_what_waits_and_no_other(login: Login) -> None:
    for name in ("mail", "discord", "ops"):
        ClosedChannel.objects.create(channel=name, setting="x", why="Refused", closed_at=NOON)
    make_match().deliveries.create(channel="ops", state="sent")
    make_match().deliveries.create(channel="mail", state="pending", retry_at=NOON)
    chosen = {"action": "try_again", "_selected_action": list(Delivery.objects.values_list("pk", flat=True))}
    text = login("view_delivery", "change_delivery").post(DELIVERY, chosen, follow=True).text
    assert "Open again: mail." in text
    assert "None of them was given up." not in text
    assert set(ClosedChannel.objects.values_list("pk", flat=True)) == {"discord", "ops"}


# What holds for all rules


def test_the_global_filters_are_one_row(admin_client: Client, login: Login) -> None:
    response = admin_client.get(FILTERS)
    assert (response.status_code, response["Location"]) == (302, f"{FILTERS}1/change/")
    page = f"{FILTERS}1/change/"
    assert login("view_filters").get(FILTERS).status_code == 302
    assert login("view_rule").get(FILTERS).status_code == 403
    form = filled(admin_client.get(page), listing_types=["For Sale"], ships_to="US", min_seller_reputation=3)
    assert admin_client.post(page, form).status_code == 302
    found = Filters.objects.get()
    assert (found.listing_types, found.ships_to, found.min_seller_reputation) == (["For Sale"], ["US"], 3)
    assert found.exclude_status == ["sold", "closed"]
    assert "As the global filters say: For Sale" in admin_client.get(f"{RULE}add/").text
    assert "sold, closed" in login("view_filters").get(page).text


def test_rates_are_kept_with_their_day(admin_client: Client) -> None:
    form = filled(admin_client.get(f"{RATE}add/"), currency="EUR", in_usd="1.0875")
    assert str(form["as_of"]) == str(timezone.now().date())
    assert admin_client.post(f"{RATE}add/", form).status_code == 302
    rate = ExchangeRate.objects.get()
    assert (rate.pk, rate.in_usd) == ("EUR", Decimal("1.0875"))
    dollars = admin_client.post(f"{RATE}add/", {**form, "currency": "USD"})
    assert "currency" in errors(dollars)
    assert "in_usd" in errors(admin_client.post(f"{RATE}add/", {**form, "currency": "GBP", "in_usd": "0"}))
    ExchangeRate.objects.update(as_of=timezone.now().date() - timedelta(days=31))
    text = admin_client.get(RATE).text
    assert "31 days" in text
    assert "rota-amber" in text


def test_a_match_keeps_its_price(admin_client: Client) -> None:
    match = make_match(make_listing(price=Decimal("99.5"), currency="EUR"))
    match.listing.price = Decimal(5)
    match.listing.save()
    assert Match.objects.get().price == Decimal("99.50")
    assert "99.50 EUR" in admin_client.get(MATCH).text
