"""The address of a database as Django's DATABASES entry, with what it needs to be shared by many processes."""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from project.environment import refuse

ENGINES = {
    "sqlite": "django.db.backends.sqlite3",
    "postgres": "django.db.backends.postgresql",
    "postgresql": "django.db.backends.postgresql",
    "mysql": "project.mariadb",
    "mariadb": "project.mariadb",
}
CONNECT_TIMEOUT = 5  # seconds
UNACKNOWLEDGED = 10_000  # milliseconds after which a connection is given up whose other end acknowledges nothing
PROBE_AFTER, PROBE_EVERY = 4, 2  # seconds of silence before the other end is asked for a sign, and between two such


def database(
    url: str, root: Path, conn_max_age: int, synchronous: str, setting: str = "DATABASE_URL"
) -> dict[str, Any]:
    """The database that `url` names, which is the value of `setting`; a relative SQLite path is seen from `root`."""
    found = _parse(url, setting)
    options = {**_options(found["ENGINE"], synchronous), **found.get("OPTIONS", {})}
    if found["ENGINE"] == ENGINES["sqlite"]:
        found["NAME"] = _sqlite_file(found["NAME"], root, setting)
    elif not found["NAME"]:
        refuse(setting, "names no database: it must end in /NAME")
    if found["ENGINE"] == ENGINES["mariadb"] and not find_spec("MySQLdb"):
        refuse(setting, "names a MariaDB database, for which the package mysqlclient must be installed")
    return {**found, "OPTIONS": options, "CONN_MAX_AGE": conn_max_age, "CONN_HEALTH_CHECKS": True}


def _parse(url: str, setting: str) -> dict[str, Any]:
    """What django-environ makes of `url`; it may hold a password, so no message repeats it."""
    try:
        scheme = urlsplit(url).scheme
        if scheme in ENGINES:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = dict(Env.db_url_config(url, engine=ENGINES[scheme]))
                return {**found, "HOST": unquote(found.get("HOST", ""))}  # a socket's folder is quoted
    except (ValueError, Warning, ImproperlyConfigured):
        scheme = ""
    refuse(setting, "must look like sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME or mariadb://…")


def _sqlite_file(name: str, root: Path, setting: str) -> Path:
    path = root / Path(name).expanduser()
    if name == ":memory:":
        refuse(setting, "must name a file: a database in memory cannot be shared by web and worker")
    if not path.parent.is_dir():
        refuse(setting, f"lies in a folder that does not exist: {path.parent}")
    return path


def _options(engine: str, synchronous: str) -> dict[str, Any]:
    """Waits are short, so that a lost or locked database is noticed; writers take their lock at BEGIN."""
    if engine == ENGINES["sqlite"]:
        return {
            "timeout": 20,  # seconds to wait for another writer
            "transaction_mode": "IMMEDIATE",
            "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous};",
        }
    if engine == ENGINES["postgresql"]:
        return {
            "connect_timeout": CONNECT_TIMEOUT,
            "tcp_user_timeout": UNACKNOWLEDGED,
            "keepalives_idle": PROBE_AFTER,
            "keepalives_interval": PROBE_EVERY,
            "prepare_threshold": None,  # no plan made on an empty table outlives its growth
        }
    return {
        "connect_timeout": CONNECT_TIMEOUT,
        "charset": "utf8mb4",
        "isolation_level": "read committed",
        "init_command": "SET sql_mode='STRICT_TRANS_TABLES', innodb_lock_wait_timeout=5",
    }
