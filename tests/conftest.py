"""What every test may use, a browser included; processes that a test starts find the test's database, and no other."""

import os
import shutil
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from scheduling.tally import tally
from tests.emptying import empty_quickly

TOUCHING = {"db", "transactional_db", "live_server"}  # fixtures that lead to the database


empty_quickly()


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


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("No Chromium is installed: apt-get install chromium.")
    with sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, in which Django would refuse to ask the database.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def window(chromium: Browser, live_server: LiveServer) -> Iterator[Callable[..., Page]]:
    """Opens windows in which a superuser is logged in; complains of errors, CSP and requests to elsewhere."""
    complaints: list[str] = []
    contexts = []

    def open_window(width: int = 1280, *, dark: bool = False, zone: str = "Europe/Berlin") -> Page:
        context = chromium.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 844},
            color_scheme="dark" if dark else "light",
            timezone_id=zone,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: _check_local(asked.url, live_server.url, complaints))
        if not User.objects.filter(username="admin").exists():
            User.objects.create_superuser("admin", password="admin")
        page.goto("/admin/")
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill("admin")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/admin/")
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert not complaints


def _check_local(url: str, home: str, complaints: list[str]) -> None:
    if not url.startswith((f"{home}/", "data:", "blob:")):
        complaints.append(f"asked elsewhere: {url}")


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
