"""Rows of other applications' tables, whichever columns their version has."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.db import connections

from scheduling.exceptions import SchedulingError

type Rows = Callable[[str], Iterator[dict[str, Any]]]  # the rows of a table, by its name


class NoTable(SchedulingError):
    """There is no such table in this database."""


def rows_of(alias: str) -> Rows:
    """The tables of the database called `alias` in the settings. They raise NoTable."""

    def rows(table: str) -> Iterator[dict[str, Any]]:
        connection = connections[alias]
        if table not in connection.introspection.table_names():
            raise NoTable(
                f"The database {alias!r} has no table {table}. If it is in another one, give that one's address in "
                "SOURCE_DATABASE_URL, and --database source."
            )
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")  # noqa: S608  # a constant
            names = [column[0] for column in cursor.description or ()]
            yield from [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return rows


def aware(value: Any) -> datetime:
    """A moment as a driver gives it: SQLite's is a text, MariaDB's has no zone; both are UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
