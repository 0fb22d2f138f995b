"""The project's settings for its tests: nothing from .env, an own database, tasks that misbehave on order."""

import os
import tempfile
from pathlib import Path

# Processes that a test starts inherit these, so that none of them reaches a database that is in real use.
os.environ["ENV_FILE"] = os.devnull
os.environ.setdefault("SECRET_KEY", "no-secret-but-long-enough-for-the-tests-0123456789-abcdef")
os.environ.setdefault("SQLITE_SYNCHRONOUS", "NORMAL")
if "DATABASE_URL" not in os.environ:
    _folder = tempfile.TemporaryDirectory(prefix="rota-tests-")
    os.environ["DATABASE_URL"] = f"sqlite:///{_folder.name}/rota.sqlite3"
os.environ.setdefault("TEST_DATABASE_NAME", f"test_rota_{os.getpid()}")  # two runs at once do not meet

from project.settings import *  # noqa: F403
from project.settings import DATABASES, INSTALLED_APPS, STATIC_STORAGES, STORAGES

INSTALLED_APPS = [*INSTALLED_APPS, "tests.workload", "tests.guides", "tests.chaos"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": STATIC_STORAGES[True]}  # pages need no collectstatic
HTTPS = SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False  # it speaks http

_database = DATABASES["default"]
_name = os.environ["TEST_DATABASE_NAME"]
if _database["ENGINE"].endswith("sqlite3"):  # a file, as in production: threads and processes share it
    _name = str(Path(_database["NAME"]).parent / _name)
_database["TEST"] = {"NAME": _name}
