"""Pages of accounts: tokens go in and never come out, and what could never be used is refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tasks.social.models import Account, AppHold, Platform, Standing
from tests.tasks.social.doors.conftest import ACCOUNTS, SEE, Login, make_whole
from tests.tasks.social.doors.test_pages import BASE, page
from tests.tasks.social.factories import NOON, make_account, make_business

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

SECRET = "EAABsbCS1iHgBAKZ"  # invented


def test_a_token_is_never_shown_and_kept_while_nothing_is_entered(login: Login) -> None:
    account = make_account(make_business("Sea Breeze"), access_token=SECRET, refresh_token=f"{SECRET}2", name="Ours")
    client = login(*SEE, *ACCOUNTS)
    for address in (
        page(account),
        f"{BASE}/account/",
        page(account.business),
        page(account, "history"),
        page(account, "delete"),
    ):
        assert SECRET not in client.get(address).text
    shown = client.get(page(account)).text
    assert "There is an access token and a refresh token." in shown
    client.post(page(account), {"business": account.business_id, "name": "New", "is_active": "on"})
    account = Account.objects.get()
    assert (account.name, account.access_token, account.refresh_token) == ("New", SECRET, f"{SECRET}2")


def test_a_new_token_lets_the_account_begin_anew(login: Login) -> None:
    ends = NOON + timedelta(days=1)
    stale: dict[str, Any] = {"expires_at": ends, "refresh_expires_at": ends, "held_until": ends, "problem": "190: dead"}
    account = make_account(standing=Standing.NEEDS_AUTHORISATION, refresh_token="old", **stale)
    client = login(*SEE, *ACCOUNTS)
    given = {"business": account.business_id, "name": "", "is_active": "on", "new_access_token": SECRET}
    moment = {"expires_at_0": "2026-10-02", "expires_at_1": "12:00:00"}  # as it was shown
    answer = client.post(page(account), {**given, **moment})
    assert SECRET not in answer.text
    account = Account.objects.get()
    assert (account.access_token, account.refresh_token) == (SECRET, "old")
    assert (account.standing, account.problem, account.held_until) == (Standing.CONNECTED, "", None)
    assert account.expires_at is None


def test_a_limit_of_our_app_holds_each_account_on_the_platform(login: Login) -> None:
    business = make_business()
    accounts = [make_account(business, platform) for platform in (Platform.FACEBOOK, Platform.INSTAGRAM, Platform.X)]
    AppHold.objects.create(app="meta", until=timezone.now() + timedelta(hours=1))
    client = login(*SEE, *ACCOUNTS)
    for address in (f"{BASE}/account/", page(business)):
        assert client.get(address).text.count(">Held<") == 2
    assert [">Held<" in client.get(page(each)).text for each in accounts] == [True, True, False]


def test_a_form_with_an_error_does_not_send_the_token_back(login: Login) -> None:
    client = login(*SEE, *ACCOUNTS)
    given = {"business": make_business().pk, "platform": "joy", "external_id": "1", "new_access_token": SECRET}
    answer = client.post(f"{BASE}/account/add/", given)
    assert answer.status_code == 200
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"new_access_token": f"{SECRET}é"}, "This is no token"),
        ({"new_access_token": f"{SECRET}\n{SECRET}"}, "This is no token"),
        ({"new_access_token": SECRET, "new_refresh_token": "a\tb"}, "This is no token"),
        ({"new_access_token": SECRET, "external_id": "@sea"}, "is no user of X"),
    ],
)
def test_what_could_never_be_used_is_refused(login: Login, given: dict[str, str], words: str) -> None:
    plain = {"business": str(make_business().pk), "platform": "x", "external_id": "1", "is_active": "on"}
    answer = login(*SEE, *ACCOUNTS).post(f"{BASE}/account/add/", {**plain, **given})
    assert words in answer.text
    assert SECRET not in answer.text
    assert not Account.objects.exists()


def test_an_account_is_added_with_its_token(login: Login) -> None:
    client, business = login(*SEE, *ACCOUNTS), make_business()
    given = {"business": business.pk, "platform": "x", "external_id": "1", "is_active": "on"}
    assert "Without it nothing can be read" in client.post(f"{BASE}/account/add/", given).text
    client.post(f"{BASE}/account/add/", {**given, "new_access_token": SECRET})
    assert Account.objects.get().access_token == SECRET
    again = client.post(f"{BASE}/account/add/", {**given, "new_access_token": SECRET})
    assert "already exists" in again.text


def test_a_token_sealed_under_another_key_can_be_entered_anew(login: Login, settings: Any) -> None:
    account = make_account(access_token=SECRET)
    settings.SECRET_KEY = "another-one-that-is-long-enough-for-the-tests-0123456789"
    client = login(*SEE, *ACCOUNTS)
    assert client.get(page(account)).status_code == client.get(f"{BASE}/account/").status_code == 200
    client.post(page(account), {"business": account.business_id, "is_active": "on", "new_access_token": "fresh"})
    assert Account.objects.get().access_token == "fresh"
    assert client.get(page(account.business)).status_code == 200


def test_what_a_sync_writes_meanwhile_is_not_put_back(login: Login) -> None:
    account = make_account(name="Ours")
    client = login(*SEE, *ACCOUNTS)
    client.get(page(account))
    Account.objects.update(problem="Held", synced_at=NOON, access_token="renewed")
    client.post(page(account), {"business": account.business_id, "name": "New", "is_active": "on"})
    account = Account.objects.get()
    assert (account.problem, account.synced_at, account.access_token) == ("Held", NOON, "renewed")


def test_an_account_goes_with_its_posts(login: Login) -> None:
    _, account, *_ = make_whole("Sea Breeze")
    make_whole("Other")
    client = login(*SEE, *ACCOUNTS)
    assert "Posts: 1" in client.get(page(account, "delete")).text
    client.post(page(account, "delete"), {"post": "yes"})
    assert [each.name for each in Account.objects.all()] == ["Account of Other"]


@pytest.mark.parametrize("lookup", ["access_token__startswith=g", "refresh_token=", "access_token__gt=gAAAA"])
def test_no_address_asks_what_a_token_begins_with(login: Login, lookup: str) -> None:
    client = login(*SEE, superuser=True)
    assert client.get(f"{BASE}/account/?{lookup}").status_code == 400
    assert client.get(f"{BASE}/post/?account__{lookup}").status_code == 400
