"""What every test may use; processes that a test starts find the test's database, and no other."""

import os
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from django.db import connection

from scheduling.tally import tally

TOUCHING = {"db", "transactional_db", "live_server"}  # fixtures that lead to the database


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that touches no database says the same on each of them."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") is None and not fixtures & TOUCHING:
            item.add_marker("sqlite_only")


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    """What other tests have counted for the metrics in this process is not told in this one."""
    tally.take()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Pass on where the test database is, once it is there."""
    before = os.environ["DATABASE_URL"]
    os.environ["DATABASE_URL"] = address_of_test_database()
    yield
    os.environ["DATABASE_URL"] = before


@pytest.fixture
def database_url(transactional_db: None) -> str:
    """The address of the test database, for a process that a test starts."""
    return os.environ["DATABASE_URL"]


def address_of_test_database() -> str:
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{quote(str(found['NAME']))}"
    user = quote(found["USER"], safe="")
    password = quote(found["PASSWORD"], safe="")
    login = f"{user}:{password}" if password else user
    port = f":{found['PORT']}" if found["PORT"] else ""
    host = quote(found["HOST"], safe="")
    return f"{connection.vendor}://{login}@{host}{port}/{quote(found['NAME'], safe='')}"
