"""manage.py tokens: only the token on standard output; what is wrong is named, with exit code 2."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from scheduling import store
from scheduling.management.caller import by
from scheduling.models import Change, Token
from scheduling.store import retention
from tests.factories import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]


@pytest.fixture(autouse=True)
def ada() -> User:
    return User.objects.create_user("ada", is_superuser=True)


def tokens(*words: str) -> tuple[str, str]:
    """What a deed says on standard output and on standard error."""
    out, err = StringIO(), StringIO()
    call_command("tokens", *words, stdout=out, stderr=err)
    return out.getvalue().strip(), err.getvalue().strip()


def refused(*words: str) -> str:
    with pytest.raises(CommandError) as caught:
        tokens(*words)
    assert caught.value.returncode == 2
    return str(caught.value)


def test_the_text_stands_alone_and_opens_the_door(client: Client) -> None:
    text, words = tokens("create", "ada", "--scopes", "read,run", "--name", "CI")
    assert client.get("/api/v1/scheduler/status", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    assert "acts as ada with the scopes read, run, and never expires" in words
    assert text not in words
    token = Token.objects.get()
    assert (token.name, token.created_by) == ("CI", by())
    assert Change.objects.get().subject == f"token {token.hint}"


def test_as_json_it_is_one_object() -> None:
    text, _ = tokens("create", "ada", "--scopes", "write", "--json")
    assert store.find_token(json.loads(text)["token"]) == Token.objects.get()


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ("30d", NOON + timedelta(days=30)),
        ("12 h", NOON + timedelta(hours=12)),
        ("2026-12-31", datetime(2027, 1, 1, tzinfo=UTC)),  # the last day counts
        ("2026-12-31 18:00", datetime(2026, 12, 31, 18, tzinfo=UTC)),
        ("2026-12-31T18:00Z", datetime(2026, 12, 31, 18, tzinfo=UTC)),
    ],
)
def test_an_end_is_a_span_a_day_or_a_moment(given: str, end: datetime) -> None:
    with time_machine.travel(NOON, tick=False):
        tokens("create", "ada", "--scopes", "read", "--expires", given)
    assert Token.objects.get().expires_at == end


@pytest.mark.parametrize(
    "given", ["soon", "2026-13-01", "0 s", "2020-01-01", "9999-12-31", "99999999999 days", "-1d", ""]
)
def test_what_is_no_end_is_refused(given: str) -> None:
    assert refused("create", "ada", "--scopes", "read", f"--expires={given}")
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "adda", "--scopes", "read"), "no user 'adda'. Did you mean ada?"),
        (("create", "ada", "--scopes", "reed"), "no scope 'reed'; there are read, run, write. Did you mean read?"),
        (("create", "ada", "--scopes", ","), "without a scope opens no door"),
        (("create", "ada", "--scopes", "read", "--name", "x" * 101), "100 characters"),
        (("list", "--user", "bob"), "no user 'bob'"),
        (("revoke", "7"), "no such token"),
        (("revoke", "9" * 30), "no such token"),
    ],
)
def test_what_makes_no_sense_is_named(words: tuple[str, ...], said: str) -> None:
    assert said in refused(*words)
    assert not Token.objects.exists()


def test_a_user_who_is_not_active_gets_none(ada: User) -> None:
    User.objects.update(is_active=False)
    assert "ada is not active" in refused("create", "ada", "--scopes", "read")


def test_the_list_tells_state_and_use_and_no_secret(ada: User) -> None:
    User.objects.create_user("bob")
    text, _ = tokens("create", "ada", "--scopes", "read", "--name", "Prometheus", "--expires", "30d")
    other, _ = tokens("create", "bob", "--scopes", "run")
    tokens("revoke", other[:9])
    store.use_token(Token.objects.get(name="Prometheus"), now=NOON, address="203.0.113.9")
    listed, _ = tokens("list")
    of_bob, of_ada = listed.splitlines()[1:]
    assert "Prometheus" in of_ada
    assert "active" in of_ada
    assert "from 203.0.113.9" in of_ada
    assert "revoked" in of_bob
    assert text[9:] not in listed
    assert "Prometheus" not in tokens("list", "--user", "bob")[0]
    rows: list[dict[str, Any]] = json.loads(tokens("list", "--json")[0])
    assert [(row["user"], row["state"]) for row in rows] == [("bob", "revoked"), ("ada", "active")]
    digest = Token.objects.get(name="Prometheus").digest
    assert digest not in json.dumps(rows)
    assert text[9:] not in json.dumps(rows)


def test_without_tokens_the_list_says_how_to_make_one() -> None:
    assert "tokens create" in tokens("list")[0]
    assert tokens("list", "--json")[0] == "[]"


@pytest.mark.parametrize("how", ["id", "hint", "shown", "whole"])
def test_a_token_is_revoked_however_it_is_named(how: str) -> None:
    text, _ = tokens("create", "ada", "--scopes", "read")
    token = Token.objects.get()
    named = {"id": str(token.pk), "hint": token.hint, "shown": f"{token.hint}…", "whole": text}[how]
    assert "revoked" in tokens("revoke", named)[0]
    token.refresh_from_db()
    assert (token.revoked_at is not None, token.revoked_by) == (True, by())
    assert "already" in tokens("revoke", named)[0]


def test_what_names_several_tokens_is_refused() -> None:
    for _ in range(2):
        tokens("create", "ada", "--scopes", "read")
    Token.objects.update(hint="rota_same")
    first, second = Token.objects.values_list("pk", flat=True)
    assert refused("revoke", "rota_same").endswith(f"name one by its id: {first}, {second}.")
    assert not Token.objects.exclude(revoked_at=None).exists()


def test_a_wrong_token_is_not_repeated_on_the_terminal() -> None:
    assert "rota_" not in refused("revoke", f"rota_{'s' * 43}")


def test_tokens_that_count_no_more_go_with_the_history(ada: User) -> None:
    old, kept = NOON - timedelta(days=91), NOON - timedelta(days=89)

    def made(name: str, **columns: Any) -> None:
        token, _ = store.create_token(ada, ["read"], by="test", now=NOON, name=name)
        Token.objects.filter(pk=token.pk).update(**columns)

    made("long expired", expires_at=old)
    made("long revoked", revoked_at=old)
    made("expired", expires_at=kept)
    made("revoked", revoked_at=kept)
    made("old, and in use", created_at=old)
    assert retention.prune_tokens(NOON) == 2
    assert {token.name for token in Token.objects.all()} == {"expired", "revoked", "old, and in use"}
