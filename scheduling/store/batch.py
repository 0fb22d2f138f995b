"""Many rows in one round trip, each of them guarded; and the wake-up of the schedulers elsewhere."""

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

from django.db import IntegrityError, OperationalError, connection, models, transaction

logger = logging.getLogger(__name__)

CHANNEL = "rota_wake_up"  # of PostgreSQL's NOTIFY
TRIES = 5  # of a verb whose transaction gave way to another one
DEADLOCKS = ("40P01", "40001")  # SQLSTATE of PostgreSQL; MariaDB says 1205 and 1213


def locked[M: models.Model](rows: models.QuerySet[M]) -> models.QuerySet[M]:
    """`rows`, held until the end of the transaction; those that another one holds are passed over.

    On SQLite the transaction itself is the lock (BEGIN IMMEDIATE).
    """
    return rows.select_for_update(
        skip_locked=connection.features.has_select_for_update_skip_locked, of=("self",) if _can_of() else ()
    )


def _can_of() -> bool:
    return connection.features.has_select_for_update_of


def contested[**P, R](verb: Callable[P, R]) -> Callable[P, R]:
    """`verb`, tried again when the database ended its transaction to let another one pass.

    InnoDB does so as a matter of course: it locks an index first where another statement locks the row first.
    """

    @wraps(verb)
    def persistent(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(TRIES - 1):
            try:
                return verb(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block or not _gave_way(error):
                    raise
        return verb(*args, **kwargs)

    return persistent


def _gave_way(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) in DEADLOCKS or error.args[:1] in [(1205,), (1213,)]


def insert_rows[M: models.Model](rows: Sequence[M]) -> list[M]:
    """Insert `rows`, but for those that a unique constraint knows already; returns those inserted, with their ids.

    Not INSERT IGNORE, which MariaDB takes as leave to ignore every error.
    """
    if not rows:
        return []
    objects = type(rows[0])._default_manager
    try:
        with transaction.atomic():
            return objects.bulk_create(rows, batch_size=500)
    except IntegrityError:
        return [row for row in rows if _insert(row)]


def _insert(row: models.Model) -> bool:
    try:
        with transaction.atomic():
            row.pk = None
            row.save(force_insert=True)
    except IntegrityError as error:
        logger.warning("Not inserted: %r: %s", row, error)
        return False
    return True


def update_rows(
    model: type[models.Model], guard: Sequence[str], new: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Set the columns `new` of each row that still shows the values of `guard`, all in one statement.

    Each of `rows` holds the new values, then those of the guard. Raises OperationalError, which undoes the
    transaction, unless exactly the rows given have changed.
    """
    by_name = {field.name: field for field in model._meta.local_fields}
    fields = [by_name[name] for name in (*new, *guard)]
    values = [
        [field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)] for row in rows
    ]
    if not values:
        return
    quote = connection.ops.quote_name
    terms = [f"{quote(str(field.column))} = %s" for field in fields]
    table = quote(model._meta.db_table)
    statement = f"UPDATE {table} SET {', '.join(terms[: len(new)])} WHERE {' AND '.join(terms[len(new) :])}"  # noqa: S608  # names of columns, quoted
    with connection.cursor() as cursor:
        cursor.executemany(statement, values)
        if cursor.rowcount != len(values):
            raise OperationalError(f"{table}: {cursor.rowcount} rows changed where {len(values)} were locked")


def announce() -> None:
    """Wake the schedulers once this transaction is committed (PostgreSQL; elsewhere they look themselves)."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
