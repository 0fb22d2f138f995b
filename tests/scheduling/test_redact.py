"""Secrets are taken out by value and by shape; ordinary words stay; no text takes long."""

from collections.abc import Iterator
from time import thread_time
from typing import Any

import pytest
from django.test import override_settings

from scheduling.redact import DOTS, forget_values, plain, redact, redact_json

CANARY = "kanarienvogel-7f3a9"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Look at the environment anew, before and after."""
    forget_values()
    yield
    forget_values()


# By value


@pytest.mark.parametrize(
    "name", ["TRAKT_CLIENT_SECRET", "API_TOKEN", "SMTP_PASSWORD", "STRIPE_API_KEY", "AWS_SECRET_ACCESS_KEY"]
)
def test_the_value_of_a_secret_environment_variable_is_taken_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, CANARY)
    assert redact(f"the service said {CANARY}!") == f"the service said {DOTS}!"


def test_the_password_of_an_address_in_the_environment_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", "redis://:s%40fe-place@host:6379/0")
    assert redact("tried s%40fe-place and s@fe-place") == f"tried {DOTS} and {DOTS}"


def test_secrets_in_settings_are_taken_out_however_deep_they_lie() -> None:
    with override_settings(
        SECRET_KEY="django-very-secret",
        SECRET_KEY_FALLBACKS=["former-secret"],
        UPSTREAM={"accounts": {"TOKEN": CANARY}},
        DATABASES_COPY={"default": {"PASSWORD": "hunter22"}},
    ):
        text = redact(f"django-very-secret former-secret {CANARY} hunter22")
    assert text == " ".join([DOTS] * 4)


def test_more_names_of_secrets_can_be_set(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setenv("PIN_OF_THE_SAFE", CANARY)
    assert redact(CANARY) == CANARY
    settings.SCHEDULING = {**settings.SCHEDULING, "REDACT": ["pin_of"]}
    assert redact(CANARY) == DOTS
    assert redact_json({"pin_of_bob": "1234"}) == {"pin_of_bob": DOTS}


def test_a_longer_secret_is_taken_out_before_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "abcdef")
    monkeypatch.setenv("B_TOKEN", "abcdef-and-more")
    assert redact("abcdef-and-more") == DOTS


def test_a_short_value_is_left_or_half_of_any_text_would_be_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_PASSWORD", "test")
    assert redact("test the contest") == "test the contest"


@pytest.mark.parametrize("name", ["TOKEN_FILE", "PASSWORD_HASHERS", "SECRET_PATH", "TOKEN_URL", "TOKEN_TIMEOUT"])
def test_what_only_sounds_like_a_secret_is_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "ordinary-words")
    assert redact("ordinary-words") == "ordinary-words"


# By shape


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {}",
        "authorization: {}",
        "Authorization: Token {}",
        "Authorization: Bot {}",
        "Proxy-Authorization: Basic {}",
        "{{'Authorization': 'Bearer {}'}}",
        '{{"authorization": "Basic {}"}}',
        "trakt-api-key: {}",
        "X-Api-Key: {}",
        "Cookie: theme=dark; session={}",
        "Set-Cookie: sid={}; HttpOnly",
        "sent with bearer {}",
        "https://api.example.org/films?api_key={}&page=2",
        "https://maps.example.org/?key={}",
        "GET /callback?code=1&access_token={}",
        "postgresql://ada:{}@db.example.org/rota",
        "redis://:{}@cache:6379/0",
        "https://discord.com/api/webhooks/123456/{}",
        "https://discord.com/api/v10/webhooks/123456/{}",
        "password={}",
        "client_secret: '{}'",
        '"refresh_token": "{}"',
        "connect(user='ada', password='{}')",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    secret = "eyJhbGciOi.9cv-X_77AbQ"
    redacted = redact(text.format(secret))
    assert secret not in redacted
    assert DOTS in redacted


def test_the_rest_of_the_text_stays_readable() -> None:
    text = "GET https://ada:hunter22x@api.example.org/films?api_key=abc123&page=2 gave 401"
    assert redact(text) == f"GET https://ada:{DOTS}@api.example.org/films?api_key={DOTS}&page=2 gave 401"


@pytest.mark.parametrize(
    "text",
    [
        "The tokens of this page are counted: 512 of 4096.",
        "max_tokens=1024, input_tokens=77",
        "Basic information about the bearer certificates",
        "basic authentication is off; Basic Authentication is off",
        "Forgot your password? Reset it at https://example.org/reset",
        "12:30:05 INFO http://example.org:8080/path?page=2&sort=name",
        "mailto:ada@example.org, see https://example.org/@ada",
        "ratio 3:2, key: value, monkey=banana",
        "the secretary signed; the signatures differ",
        "C:\\Users\\ada\\token.txt",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


# JSON


def test_in_json_a_text_with_a_secret_name_is_dots() -> None:
    value = {"user": "ada", "password": "x", "nested": [{"api_key": "y", "limit": 5}], "credentials": {"a": "b"}}
    assert redact_json(value) == {
        "user": "ada",
        "password": DOTS,
        "nested": [{"api_key": DOTS, "limit": 5}],
        "credentials": DOTS,
    }


def test_in_json_counts_and_flags_and_empty_values_stay() -> None:
    value = {"input_tokens": 512, "token_cost": 0.25, "has_password": True, "token": None, "secret": ""}
    assert redact_json(value) == value


def test_in_json_texts_are_redacted_too() -> None:
    assert redact_json(["see https://a:topsecret@b/"]) == [f"see https://a:{DOTS}@b/"]


def test_text_becomes_what_every_database_takes() -> None:
    assert plain("a\x00b \ud800 c é 🎬") == "a␀b ? c é 🎬"
    assert redact_json({"a\x00": "\ud800"}) == {"a␀": "?"}


# Time


def seconds(text: str) -> float:
    """The best of three: what redacting takes of the processor, whatever else it does."""
    times = []
    for _ in range(3):
        began = thread_time()
        redact(text)
        times.append(thread_time() - began)
    return min(times)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a-",
        "a.",
        "a:",
        "a://",
        "://:",
        "a://b:",
        "token",
        "token-",
        "token ",
        "token=",
        "secret\t",
        "password'",
        "bearer ",
        "basic\n",
        "authorization:",
        "cookie=",
        "/api/webhooks/1",
        "?key",
        '"',
        " ",
        "@",
        "\n",
    ],
    ids=repr,
)
def test_a_text_eight_times_as_long_takes_about_eight_times_as_long(unit: str) -> None:
    short = unit * (8_000 // len(unit))
    assert seconds(short * 8) < 8 * 5 * max(seconds(short), 1e-4)


def test_a_long_log_is_redacted_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        monkeypatch.setenv(f"SERVICE_{number}_TOKEN", f"{number}-{CANARY}-{number}")
    line = "2026-03-02 12:00:00 INFO fetched https://api.example.org/films?page=2 in 0.31 s, 20 of 400 items\n"
    text = line * (100_000 // len(line))
    redact("")
    assert seconds(text) < 0.15
