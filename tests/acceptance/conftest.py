"""Fixtures of the acceptance tests: an installation of Rota to start and to kill, and a browser to look at it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from scheduling import store
from scheduling.models import Job
from scheduling.sync import sync
from tests.acceptance.rota import Rota


@pytest.fixture
def rota(tmp_path: Path, database_url: str) -> Iterator[Rota]:
    """Schedulers on a database of their own; whatever still runs at the end is killed."""
    sync(timezone.now())
    for job in Job.objects.all():  # what the workloads declare would only get in the way
        store.pause(job, by="test", now=timezone.now())
    installation = Rota(tmp_path, database_url)
    yield installation
    installation.end()


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
