"""A second wall behind the code: the database itself refuses what the table of states does not allow.

A trigger on the table of executions, made anew after each migration, since SQLite drops triggers when
Django alters a table.
"""

import logging
from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError, connections, transaction

from scheduling.models import Execution
from scheduling.states import WAYS

logger = logging.getLogger(__name__)

NAME = "rota_states"
REFUSED = "rota: a run does not go from this state to that one"
NO_RIGHT = 1419  # MariaDB: a trigger needs SUPER, or log_bin_trust_function_creators


def build_walls(using: str = "default", plan: Sequence[Any] = (), **_: Any) -> None:
    """Make the trigger after migrations; a receiver of post_migrate.

    Where the database's user may not, the code's own guards stand alone.
    """
    if not plan:
        return
    connection = connections[using]
    statements = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mariadb}.get(connection.vendor)
    if statements is None:
        return
    try:
        with transaction.atomic(using=using), connection.cursor() as cursor:
            for statement in statements(connection.ops.quote_name(Execution._meta.db_table)):
                cursor.execute(statement)
    except DatabaseError as error:
        if error.args[:1] != (NO_RIGHT,):
            raise
        logger.warning("The database's user may make no trigger, so it guards no state: %s", error)


def _sqlite(table: str) -> list[str]:
    return [
        f"DROP TRIGGER IF EXISTS {NAME}",
        f"CREATE TRIGGER {NAME} BEFORE UPDATE OF state ON {table} WHEN {_forbidden()}"
        f" BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END",
    ]


def _postgresql(table: str) -> list[str]:
    return [
        f"CREATE OR REPLACE FUNCTION {NAME}() RETURNS trigger LANGUAGE plpgsql AS $$"
        f" BEGIN RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = '{REFUSED}'; END $$",
        f"DROP TRIGGER IF EXISTS {NAME} ON {table}",
        f"CREATE TRIGGER {NAME} BEFORE UPDATE OF state ON {table} FOR EACH ROW WHEN ({_forbidden()})"
        f" EXECUTE FUNCTION {NAME}()",
    ]


def _mariadb(table: str) -> list[str]:
    refuse = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{REFUSED}'"
    return [
        f"DROP TRIGGER IF EXISTS {NAME}",
        f"CREATE TRIGGER {NAME} BEFORE UPDATE ON {table} FOR EACH ROW IF {_forbidden()} THEN {refuse}; END IF",
    ]


def _forbidden() -> str:
    """SQL that is true for a change of state that is no step; a state that stays is none, and always allowed."""
    allowed = " OR ".join(f"(OLD.state = '{before}' AND NEW.state = '{after}')" for before, after in sorted(WAYS))
    return f"OLD.state <> NEW.state AND NOT ({allowed})"
