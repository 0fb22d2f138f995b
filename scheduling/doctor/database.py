"""Whether the database is ours, complete, and free to be written."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from scheduling.conf import options
from scheduling.doctor.findings import Finding, counted, error, named, warning
from scheduling.doctor.places import filesystem_of
from scheduling.doctor.sight import Sight
from scheduling.models import Execution, Installation
from scheduling.walls import NAME

PATIENCE = 3.0  # seconds that a writer of SQLite may take
LONG = timedelta(minutes=1)  # of a transaction
NETWORKED = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs"}
TRIGGERS = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = %s",
    "postgresql": "SELECT 1 FROM pg_trigger WHERE tgname = %s",
    "mysql": "SELECT 1 FROM information_schema.triggers WHERE trigger_name = %s AND trigger_schema = DATABASE()",
}
TRANSACTIONS = {  # who it is, and for how many seconds it has been open
    "postgresql": "SELECT concat(pid, ' (', coalesce(nullif(application_name, ''), usename, '?'), ', ', state, ')'),"
    " extract(epoch FROM clock_timestamp() - xact_start) FROM pg_stat_activity WHERE datname = current_database()"
    " AND xact_start IS NOT NULL AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    "mysql": "SELECT concat('connection ', trx_mysql_thread_id), timestampdiff(SECOND, trx_started, now())"
    " FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> connection_id()",
}
KILL = {"postgresql": "SELECT pg_terminate_backend(PID)", "mysql": "KILL ID"}


def migrations(_: Sight) -> Iterator[Finding]:
    """The tables are older than the code, or newer."""
    plan = MigrationExecutor(connection)
    missing = [f"{each.app_label}.{each.name}" for each, _ in plan.migration_plan(plan.loader.graph.leaf_nodes())]
    if missing:
        yield error(
            "migrations",
            f"{counted(len(missing), 'migration')} not applied: {named(missing)}.",
            "manage.py migrate",
        )
    ours = {app for app, _ in plan.loader.disk_migrations}
    newer = [f"{app}.{name}" for app, name in _unknown(plan) if app in ours]
    if newer:
        yield warning(
            "database-newer",
            f"The database has migrations that this code does not know: {named(newer)}.",
            "Finish the deploy: this code is older than the database.",
        )


def wall(_: Sight) -> Iterator[Finding]:
    """The trigger that refuses impossible steps of a run is missing."""
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS[connection.vendor], [NAME])
        if cursor.fetchone():
            return
    right = " (MariaDB: with the right TRIGGER, and log_bin_trust_function_creators=1)"
    yield warning(
        "wall-missing",
        f"The table {Execution._meta.db_table} has no trigger {NAME}: only the code guards the states of runs.",
        f"manage.py scheduler doctor --mend{right if connection.vendor == 'mysql' else ''}",
    )


def instance(_: Sight) -> Iterator[Finding]:
    """The database is another installation's."""
    row = Installation.objects.first()
    if row is not None and row.name != options().instance:
        yield error(
            "instance",
            f"The database is that of the installation {row.name!r}, and this is {options().instance!r}: "
            "no scheduler starts here.",
            f"Set INSTANCE={row.name}; or, if it is a copy whose jobs shall run here: manage.py runscheduler --adopt",
        )


def journal(_: Sight) -> Iterator[Finding]:
    """A SQLite database in another mode than WAL, in which readers and writers wait for each other."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != "wal":
        yield warning(
            "sqlite-not-wal",
            f"The SQLite database is in the mode {mode!r}: readers and writers wait for each other.",
            "Put it on a disk of this machine, and: "
            f"sqlite3 {connection.settings_dict['NAME']} 'PRAGMA journal_mode=WAL'",
        )


def network_disk(_: Sight) -> Iterator[Finding]:
    """SQLite's locks do not hold on the file systems of a network."""
    if connection.vendor != "sqlite":
        return
    kind = filesystem_of(Path(connection.settings_dict["NAME"]))
    if kind in NETWORKED:
        yield error(
            "sqlite-on-network",
            f"The SQLite database lies on a network file system ({kind}), whose locks cannot be relied on.",
            "Move it to a disk of this machine, or use PostgreSQL or MariaDB (DATABASE_URL).",
        )


def write_lock(_: Sight) -> Iterator[Finding]:
    """Another process keeps the one lock of a SQLite database."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:  # in one, it may be ourselves
        yield from locked(Path(connection.settings_dict["NAME"]), PATIENCE)


def locked(file: Path, patience: float) -> Iterator[Finding]:
    """A finding if nobody but somebody else can write to `file` for so many seconds."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", timeout=patience, uri=True)) as probe:
            probe.execute("BEGIN IMMEDIATE")
            probe.execute("ROLLBACK")
    except sqlite3.OperationalError as failure:
        if "locked" not in str(failure):
            raise DatabaseError(str(failure)) from failure
        yield error(
            "database-locked",
            f"Another process has held the write lock of {file} for longer than {patience:g} s: nothing is written.",
            f"See which processes have it open, and end the one that hangs: fuser -v {file}",
        )


def transactions(_: Sight) -> Iterator[Finding]:
    """Transactions of others that stay open: they keep locks, and rows from being cleaned up."""
    query = TRANSACTIONS.get(connection.vendor)
    if query is None:
        return
    rows: list[tuple[str, float]] = []
    with suppress(DatabaseError), connection.cursor() as cursor:  # MariaDB: only with the right PROCESS
        cursor.execute(query)
        rows = [(who, float(seconds)) for who, seconds in cursor.fetchall()]
    long = sorted((each for each in rows if each[1] > LONG.total_seconds()), key=lambda each: -each[1])
    if long:
        yield warning(
            "long-transaction",
            f"{counted(len(long), 'transaction')} open for longer than a minute, the longest for {long[0][1]:.0f} s: "
            f"{named(who for who, _ in long)}.",
            f"Find out what holds it; it is ended with: {KILL[connection.vendor]}",
        )


def _unknown(plan: MigrationExecutor) -> list[tuple[str, str]]:
    """Applied migrations of which the code has neither the file nor one that replaces it."""
    known = set(plan.loader.disk_migrations)
    replaced = {each for migration in plan.loader.disk_migrations.values() for each in migration.replaces}
    return sorted(set(plan.loader.applied_migrations) - known - replaced)


FIRST = (write_lock, migrations)  # what the others rely on
EXAMINATIONS = (instance, wall, journal, network_disk, transactions)
