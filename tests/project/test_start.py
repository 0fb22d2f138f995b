"""A bad setting stops the start with one clear line; good ones pass Django's own deploy checks."""

import json

import pytest

from tests.project.start import command

pytestmark = pytest.mark.sqlite_only

BAD = {
    "no secret": ({"SECRET_KEY": ""}, "SECRET_KEY must be set"),
    "a short secret": ({"SECRET_KEY": "short"}, "SECRET_KEY must be 50 random characters"),
    "a dull secret": ({"SECRET_KEY": "ab" * 40}, "SECRET_KEY must be 50 random characters"),
    "a database of an unknown kind": ({"DATABASE_URL": "oracle://u:p@h/n"}, "DATABASE_URL must look like"),
    "another scheduler's database of an unknown kind": (
        {"SOURCE_DATABASE_URL": "oracle://u:p@h/n"},
        "SOURCE_DATABASE_URL must look like",
    ),
    "a settings file that is not there": ({"ENV_FILE": "/nowhere/.env"}, "ENV_FILE names no file: /nowhere/.env"),
    "an unknown queue executor": ({"QUEUES": "default=fibers:3"}, "QUEUES knows the executors"),
    "an unknown zone": ({"TIME_ZONE": "Mars/Olympus"}, "TIME_ZONE must be a zone name"),
    "a dead worker too soon": ({"STALE_AFTER": "3"}, "STALE_AFTER must be three times HEARTBEAT"),
}


@pytest.mark.parametrize(("settings", "reason"), BAD.values(), ids=BAD)
def test_a_bad_setting_stops_the_start_with_one_line(settings: dict[str, str], reason: str) -> None:
    ended = command("manage.py", "check", **settings)

    assert ended.code == 2
    assert ended.errors.startswith(f"Rota cannot start: {reason}")
    assert ended.errors.count("\n") == 1
    assert not ended.out


def test_a_bad_setting_makes_gunicorn_give_up() -> None:
    options = ("--bind", "127.0.0.1:0", "--no-control-socket")

    ended = command("-m", "gunicorn", *options, "project.wsgi", DEBUG="maybe")

    assert ended.code == 4
    assert "Rota cannot start: DEBUG must be true or false, not 'maybe'" in ended.errors.splitlines()
    assert "Traceback" not in ended.errors


@pytest.mark.parametrize("style", ["json", "text"])
def test_gunicorn_speaks_as_all_others_do(style: str) -> None:
    options = ("--bind", "127.0.0.1:0", "--no-control-socket")

    ended = command("-m", "gunicorn", *options, "project.wsgi", DEBUG="maybe", LOG_FORMAT=style)

    own = [line for line in ended.errors.splitlines() if not line.startswith("Rota cannot start")]
    assert any("Starting gunicorn" in line for line in own)
    if style == "json":
        assert {json.loads(line)["logger"] for line in own} == {"gunicorn.error"}
    else:
        assert all(" gunicorn.error [- - -] " in line for line in own)


def test_the_password_in_a_bad_database_address_is_not_shown() -> None:
    ended = command("manage.py", "check", DATABASE_URL="postgresql://rota:hunter2@db:port/rota")

    assert ended.code == 2
    assert "hunter2" not in ended.out + ended.errors


def test_the_deploy_checks_find_nothing() -> None:
    ended = command("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert ended.code == 0, ended.errors
    assert "no issues" in ended.out + ended.errors


def test_plain_http_on_purpose_is_no_issue_but_a_part_of_it_is() -> None:
    arguments = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert command(*arguments, HTTPS="false").code == 0
    partly = command(*arguments, SESSION_COOKIE_SECURE="false")
    assert partly.code == 1
    assert "security.W012" in partly.errors


@pytest.mark.parametrize("name", ["SENTRY_DSN", "OTEL_EXPORTER_OTLP_ENDPOINT"])
@pytest.mark.parametrize("value", ["hunter22", "ftp://hunter22@host/1"])
def test_an_address_of_telemetry_that_is_none_is_not_repeated(name: str, value: str) -> None:
    ended = command("manage.py", "check", **{name: value})

    assert ended.code == 2
    assert len(ended.errors.splitlines()) == 1
    assert name in ended.errors
    assert "hunter22" not in ended.errors


def test_an_address_that_is_no_dsn_tells_how_one_reads() -> None:
    ended = command("manage.py", "check", SENTRY_DSN="https://host.example/")

    assert ended.code == 2
    assert ended.errors == "Rota cannot start: SENTRY_DSN must read like https://KEY@HOST/NUMBER, as Sentry shows it.\n"
