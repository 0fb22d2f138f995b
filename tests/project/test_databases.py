"""DATABASE_URL and EMAIL_URL: what they turn into, and which are refused."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from project.databases import database
from project.mail import mailer


def made(url: str, root: Path = Path("/srv/rota")) -> dict[str, object]:
    return database(url, root=root, conn_max_age=60, synchronous="FULL")


def test_a_relative_sqlite_file_is_seen_from_the_root(tmp_path: Path) -> None:
    assert made("sqlite:///db.sqlite3", tmp_path)["NAME"] == tmp_path / "db.sqlite3"


def test_sqlite_writers_take_their_lock_when_they_begin(tmp_path: Path) -> None:
    options = made("sqlite:///db.sqlite3", tmp_path)["OPTIONS"]

    assert isinstance(options, dict)
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL; PRAGMA synchronous=FULL" in options["init_command"]


def test_postgresql_keeps_no_plans_and_gives_up_a_silent_connection() -> None:
    options = made("postgresql://rota:p%40ss@db.example.org:5433/rota?sslmode=require")["OPTIONS"]

    assert options == {
        "connect_timeout": 5,
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 4,
        "keepalives_interval": 2,
        "prepare_threshold": None,
        "sslmode": "require",
    }


def test_a_password_is_decoded() -> None:
    assert made("postgresql://rota:p%40ss@db/rota")["PASSWORD"] == "p@ss"


def test_a_socket_is_a_host() -> None:
    assert made("postgresql://rota@%2Fvar%2Frun%2Fpostgresql/rota")["HOST"] == "/var/run/postgresql"


@pytest.mark.parametrize(
    "url",
    [
        "db.sqlite3",
        "sqlite://:memory:",
        "sqlite:///:memory:",
        "sqlite:///missing/folder/db.sqlite3",
        "sqlite://relative/db.sqlite3",
        "oracle://rota@db/rota",
        "postgresql://rota@db:port/rota",
        "postgresql://rota@db/",
        "postgresql://rota@db",
        "postgresql://[::1/rota",
    ],
)
def test_an_address_that_names_no_usable_database_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL "):
        made(url, tmp_path)


@pytest.mark.django_db
def test_the_database_in_use_has_its_options() -> None:
    asked = {
        "sqlite": ("PRAGMA journal_mode", "wal"),
        "postgresql": ("SHOW tcp_user_timeout", None),
        "mysql": ("SELECT CONCAT(@@innodb_lock_wait_timeout, ' ', @@tx_isolation)", "5 READ-COMMITTED"),
    }
    question, answer = asked[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(question)
        (found,) = cursor.fetchone()

    assert found == answer or answer is None


def test_mail_goes_over_tls_with_a_time_out() -> None:
    found = mailer("smtp+tls://rota:secret@mail.example.org:587")

    assert found["BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    assert found["OPTIONS"] == {
        "host": "mail.example.org",
        "port": 587,
        "username": "rota",
        "password": "secret",
        "use_tls": True,
        "use_ssl": False,
        "timeout": 10,
    }


@pytest.mark.parametrize("url", ["mail.example.org", "smtp://", "pigeon://loft", "smtp://host:port"])
def test_an_address_that_names_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^EMAIL_URL "):
        mailer(url)
