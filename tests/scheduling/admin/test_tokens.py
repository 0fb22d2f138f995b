"""Tokens in the admin: shown once, for oneself unless one may do all anyway, revoked, never changed."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from scheduling import store
from scheduling.admin import columns
from scheduling.models import Change, Token
from tests.factories import NOON
from tests.scheduling.admin.conftest import Staff

ADD = "/admin/scheduling/token/add/"
LIST = "/admin/scheduling/token/"
SENT = {"name": "CI", "scopes": ["read", "run"], "lasts": "90", "until": ""}


def made(user: User, **options: Any) -> Token:
    return store.create_token(user, ["read"], by="test", now=timezone.now(), **options)[0]


def shown(answer: Any) -> str:
    """The text that the page shows."""
    return str(answer.context["token"].text)


def user_of(browser: Client) -> User:
    return User.objects.get(pk=browser.session["_auth_user_id"])


def test_the_text_is_shown_once_and_kept_nowhere(staff: Staff) -> None:
    browser = staff("add_token", "view_token")
    answer = browser.post(ADD, SENT)
    token, text = Token.objects.get(), shown(answer)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert f'value="{text}"' in answer.text
    assert store.find_token(text) == token
    assert (token.user, token.scopes, token.name) == (user_of(browser), ["read", "run"], "CI")
    assert token.created_by == token.user.username
    pages = browser.get(LIST).text + browser.get(columns.page(token)).text + browser.get("/admin/").text
    assert text[9:] not in pages
    assert token.digest not in pages
    assert text[9:] not in str([session.get_decoded() for session in Session.objects.all()])
    assert text[9:] not in str(list(Change.objects.values()))


@pytest.mark.parametrize(
    ("lasts", "until", "end"),
    [
        ("90", "", NOON + timedelta(days=90)),
        ("", "", None),
        ("90", "2026-03-03T12:00", NOON + timedelta(days=1)),  # the moment goes first
    ],
)
def test_it_expires_when_one_says(staff: Staff, lasts: str, until: str, end: Any) -> None:
    with time_machine.travel(NOON, tick=False):
        staff("add_token").post(ADD, {**SENT, "lasts": lasts, "until": until})
    assert Token.objects.get().expires_at == end


@pytest.mark.parametrize(
    ("field", "value"),
    [("scopes", []), ("scopes", ["all"]), ("lasts", "9999999"), ("until", "2020-01-01T00:00"), ("name", "x" * 101)],
)
def test_a_form_that_makes_no_sense_makes_none(staff: Staff, field: str, value: Any) -> None:
    answer = staff("add_token").post(ADD, {**SENT, field: value})
    assert field in answer.context["adminform"].form.errors
    assert not Token.objects.exists()


def test_nobody_becomes_another_by_a_token(staff: Staff) -> None:
    boss = User.objects.create_superuser("boss")
    browser = staff("add_token", "change_token", "view_token")
    assert 'name="user"' not in browser.get(ADD).text
    browser.post(ADD, {**SENT, "user": boss.pk})
    assert Token.objects.get().user == user_of(browser)


def test_a_superuser_makes_one_for_others(boss: Client) -> None:
    ada = User.objects.create_user("ada")
    assert 'name="user"' in boss.get(ADD).text
    boss.post(ADD, {**SENT, "user": ada.pk})
    assert (Token.objects.get().user, Token.objects.get().created_by) == (ada, "admin")


def test_but_not_for_who_is_not_active(boss: Client) -> None:
    gone = User.objects.create_user("gone", is_active=False)
    assert "user" in boss.post(ADD, {**SENT, "user": gone.pk}).context["adminform"].form.errors
    assert not Token.objects.exists()


def test_everybody_sees_and_revokes_his_own_only(staff: Staff, boss: Client) -> None:
    browser = staff("view_token", "change_token")
    own, others = made(user_of(browser), name="mine"), made(User.objects.get(username="admin"), name="not mine")
    assert "not mine" not in browser.get(LIST).text
    assert browser.get(columns.page(others)).status_code == 302  # to the dashboard: there is none for him
    assert browser.post(columns.page(others, "revoke")).status_code == 404
    assert browser.post(columns.page(own, "revoke")).status_code == 302
    assert boss.post(columns.page(others, "revoke")).status_code == 302
    assert {token.revoked_by for token in Token.objects.all()} == {user_of(browser).username, "admin"}


def test_revoking_asks_first_and_closes_the_door(boss: Client, client: Client) -> None:
    admin = User.objects.get(username="admin")
    token, text = store.create_token(admin, ["read"], by="test", now=timezone.now())
    here = columns.page(token, "revoke")
    assert here in boss.get(columns.page(token)).text
    assert "never used" in boss.get(here).text
    assert not Token.objects.exclude(revoked_at=None).exists()
    boss.post(here)
    assert client.get("/api/v1/scheduler/status", headers={"Authorization": f"Bearer {text}"}).status_code == 401
    assert here not in boss.get(columns.page(token)).text
    assert Change.objects.first().action == "revoked"  # type: ignore[union-attr]


@pytest.mark.parametrize("verb", ["change", "delete"])
def test_a_token_is_never_changed_nor_deleted(boss: Client, verb: str) -> None:
    token = made(User.objects.get(username="admin"))
    before = list(Token.objects.values())
    assert boss.post(columns.page(token, verb), {"scopes": ["write"], "post": "yes"}).status_code == 403
    assert list(Token.objects.values()) == before


@pytest.mark.parametrize(
    ("permissions", "page", "status"),
    [
        ((), LIST, 403),
        (("view_token",), LIST, 200),
        (("view_token", "change_token"), ADD, 403),
        (("add_token",), ADD, 200),
    ],
)
def test_each_page_needs_its_permission(staff: Staff, permissions: tuple[str, ...], page: str, status: int) -> None:
    assert staff(*permissions).get(page).status_code == status


def test_whoever_may_make_tokens_sees_and_revokes_his_own(staff: Staff, boss: Client) -> None:
    browser = staff("add_token")
    mine, other = made(user_of(browser)), made(user_of(boss))
    listed = browser.get(LIST).text
    assert mine.hint in listed
    assert other.hint not in listed
    assert columns.page(mine, "revoke") in browser.get(columns.page(mine)).text
    assert browser.post(columns.page(mine, "revoke")).status_code == 302
    mine.refresh_from_db()
    assert mine.revoked_by == user_of(browser).username
    assert browser.post(columns.page(other, "revoke")).status_code == 404


def test_revoking_needs_its_permission(staff: Staff) -> None:
    browser = staff("view_token")
    token = made(user_of(browser))
    assert columns.page(token, "revoke") not in browser.get(columns.page(token)).text
    assert browser.post(columns.page(token, "revoke")).status_code == 403


def test_a_user_leads_to_his_tokens_and_takes_them_along(boss: Client) -> None:
    ada = User.objects.create_user("ada")
    made(ada)
    store.revoke_token(made(ada), by="test", now=timezone.now())
    assert "1 counts" in boss.get(columns.page(ada)).text
    assert len(boss.get(columns.listing(Token, user=ada.pk)).context["cl"].result_list) == 2
    assert boss.post(columns.page(ada, "delete"), {"post": "yes"}).status_code == 302
    assert not Token.objects.exists()


def test_the_list_asks_no_question_for_each_token(boss: Client, django_assert_max_num_queries: Any) -> None:
    users = [User.objects.create_user(f"user-{number}") for number in range(8)]
    for user in users:
        made(user)
    with django_assert_max_num_queries(9):
        assert boss.get(LIST).status_code == 200


def test_the_sidebar_leads_to_the_description_of_the_api(boss: Client) -> None:
    assert 'href="/api/docs"' in boss.get("/admin/").text
