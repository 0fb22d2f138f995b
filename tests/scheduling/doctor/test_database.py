"""What the doctor says of the database: locked, older than the code, another installation's, without its trigger."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder

from scheduling.doctor import database
from scheduling.doctor.sight import Sight
from scheduling.models import Execution, Installation
from scheduling.walls import NAME, build_walls
from tests.factories import NOON

SIGHT = Sight(NOON)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rota.sqlite3"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE t (x)")
    return path


def test_a_lock_that_another_one_holds_is_an_error_and_one_that_is_free_is_none(file: Path) -> None:
    assert not list(database.locked(file, 0.1))
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (finding,) = database.locked(file, 0.1)
        assert "has held the write lock" in finding.what
        assert f"fuser -v {file}" in finding.cure
        other.execute("ROLLBACK")
    assert not list(database.locked(file, 0.1))


def test_a_file_that_is_none_is_no_lock(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="unable to open"):
        list(database.locked(tmp_path / "gone", 0.1))
    assert not (tmp_path / "gone").exists()


@pytest.mark.django_db
def test_in_order_nothing_is_said() -> None:
    for examine in (*database.FIRST, *database.EXAMINATIONS):
        assert list(examine(SIGHT)) == []


@pytest.mark.django_db
def test_migrations_that_are_missing_or_unknown_are_told() -> None:
    recorder = MigrationRecorder(connection)
    latest = recorder.migration_qs.filter(app="scheduling").order_by("-name")[0].name
    recorder.record_unapplied("scheduling", latest)
    recorder.record_applied("scheduling", "9999_from_the_future")
    recorder.record_applied("an_app_of_old", "0001_initial")
    missing, newer = database.migrations(SIGHT)
    assert (missing.code, missing.cure) == ("migrations", "manage.py migrate")
    assert f"scheduling.{latest}" in missing.what
    assert newer.what.endswith("does not know: scheduling.9999_from_the_future.")


@pytest.mark.django_db(transaction=True)
def test_a_trigger_that_is_missing_is_told_and_can_be_made_again() -> None:
    table = connection.ops.quote_name(Execution._meta.db_table)
    of = f" ON {table}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {NAME}{of}")
    try:
        (finding,) = database.wall(SIGHT)
        assert "scheduler doctor --mend" in finding.cure
    finally:
        build_walls(plan=[NAME])
    assert not list(database.wall(SIGHT))


@pytest.mark.django_db
def test_a_database_of_another_installation_is_told(settings: Any) -> None:
    assert not list(database.instance(SIGHT))
    assert not Installation.objects.exists()  # who only looks takes nothing
    Installation.objects.create(name="production")
    (finding,) = database.instance(SIGHT)
    assert "'production'" in finding.what
    assert "INSTANCE=production" in finding.cure


@pytest.mark.django_db
def test_sqlite_on_a_network_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "filesystem_of", lambda _: "nfs4")
    found = [each.code for each in database.network_disk(SIGHT)]
    assert found == (["sqlite-on-network"] if connection.vendor == "sqlite" else [])


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_stays_open_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite knows no transactions of others")
    other: Any = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM scheduling_job FOR UPDATE")
            cursor.fetchall()
            assert not list(database.transactions(SIGHT))
            monkeypatch.setattr(database, "LONG", -database.LONG)
            (finding,) = database.transactions(SIGHT)
            assert "open for longer than a minute" in finding.what
            cursor.execute("ROLLBACK")
    finally:
        other.close()
