"""How the database is emptied after a test with transactions of its own: only tables that have rows.

Django's own way empties all of them, and then makes content types and permissions anew: seconds on a server, each time.
"""

from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase

KEPT = {"django_migrations", "django_content_type", "auth_permission"}  # as the migrations have left them


def empty_quickly() -> None:
    """Let it be done so from now on in this process."""

    def teardown(case: Any) -> None:
        for alias in case._databases_names(include_mirrors=False):
            empty(connections[alias])

    setattr(TransactionTestCase, "_fixture_teardown", teardown)  # noqa: B010  # not in the stubs


def empty(connection: BaseDatabaseWrapper) -> None:
    quote = connection.ops.quote_name
    tables = sorted(set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - KEPT)
    # Foreign keys wait for the end of the transaction; MariaDB's cannot.
    keys = ("SET FOREIGN_KEY_CHECKS = 0", "SET FOREIGN_KEY_CHECKS = 1") if connection.vendor == "mysql" else ()
    rows = (f"SELECT '{each}' WHERE EXISTS (SELECT 1 FROM {quote(each)})" for each in tables)  # noqa: S608  # our own names
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(rows))
        filled = [quote(name) for (name,) in cursor.fetchall()]
        for statement in (*keys[:1], *(f"DELETE FROM {name}" for name in filled), *keys[1:]):  # noqa: S608
            cursor.execute(statement)
