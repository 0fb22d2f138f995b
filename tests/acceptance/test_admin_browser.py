"""The admin in a real browser: typing, watching, small and dark screens; no error, no request to elsewhere."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from scheduling import store
from scheduling.admin import columns
from scheduling.models import Execution, Job, LogChunk, State
from tests.factories import make_execution, make_job, make_worker

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Window = Callable[..., Page]

WIDTHS = (390, 1280)
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def world(transactional_db: None) -> tuple[Job, Execution]:
    """A job with a history, and a run of it that goes on."""
    now = timezone.now()
    job = make_job(id="films", name=f"Films {EVIL}", tags=["media"], next_run_time=now + timedelta(hours=1))
    make_job(name="Broken", parked_reason="Its task is gone.", next_run_time=None)
    worker = make_worker(heartbeat_at=now, turned_at=now, running=1)
    ended = {"started_at": now, "finished_at": now}
    for state in (State.SUCCEEDED, State.FAILED, State.TIMED_OUT):
        make_execution(job, state=state, error_message=EVIL, traceback=EVIL, **ended)
    running = {"state": State.RUNNING, "started_at": now, "worker": worker}
    return job, make_execution(job, progress=0.2, progress_text="1 of 5", **running)


def test_the_form_shows_the_fields_of_the_trigger_and_previews(window: Window) -> None:
    page = window()
    page.goto("/admin/scheduling/job/add/")
    cron, interval, moment = (page.locator(f"#id_{name}") for name in ("cron", "interval", "run_at"))
    expect(cron).to_be_visible()
    expect(interval).to_be_hidden()
    expect(page.locator("#id_timezone")).to_have_value("Europe/Berlin")
    cron.fill("30 2 * * *")
    expect(page.get_by_text("At 02:30, every day (Europe/Berlin)")).to_be_visible()
    expect(page.locator(".rota-preview tbody tr")).to_have_count(10)
    cron.fill("30 99 * * *")
    expect(page.locator(".rota-preview-error")).to_contain_text("Crontab:")
    page.get_by_role("button", name="Every 90 seconds").click()
    expect(page.get_by_text("Every 1 minute and 30 seconds")).to_be_visible()
    expect(interval).to_be_visible()
    expect(cron).to_be_hidden()
    page.get_by_label("Once").check()
    expect(moment).to_be_visible()
    expect(interval).to_be_hidden()
    page.get_by_label("Only when asked").check()
    expect(page.get_by_text("It runs when someone presses Run now")).to_be_visible()
    expect(page.locator("#id_timezone")).to_be_hidden()


def test_a_schedule_is_made_and_changed(window: Window) -> None:
    page = window()
    page.goto("/admin/scheduling/job/add/")
    page.locator("#id_id").fill("films")
    page.locator("#id_name").fill("Films")
    page.locator("#id_task").select_option("tests.workload.tasks.sleep")
    expect(page.get_by_text("sleep(seconds: float")).to_be_visible()
    page.locator("#id_arguments").fill('{"seconds": 2}')
    page.get_by_role("button", name="Daily at 02:00").click()
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("Next run:")).to_be_visible()
    page.get_by_label("Interval").first.check()
    page.locator("#id_interval").fill("2 s")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/scheduling/job/**")
    job = Job.objects.get()
    assert (job.trigger, job.interval, job.cron, job.arguments) == (
        "interval",
        timedelta(seconds=2),
        "",
        {"seconds": 2},
    )


def test_pausing_asks_why(window: Window, world: tuple[Job, Execution]) -> None:
    page = window()
    page.goto("/admin/scheduling/job/")
    page.get_by_role("link", name="Pause: Films").click()
    page.get_by_label("Reason").fill("The vendor is down")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused by admin: The vendor is down")).to_be_visible()


def test_the_log_comes_while_the_run_goes_on(window: Window, world: tuple[Job, Execution]) -> None:
    run = world[1]
    page = window()
    page.goto(columns.page(run))
    expect(page.get_by_text("It has logged nothing yet.")).to_be_visible()
    took = page.locator("#run-took").text_content() or ""
    running = page.locator(".rota-legend .rota-stretch-running b")
    told = running.text_content() or ""
    expect(page.locator("#run-took")).not_to_have_text(took)
    expect(running).not_to_have_text(told)
    LogChunk.objects.create(execution=run, text="film 1\n")
    expect(page.locator("#run-log")).to_have_text(re.compile("film 1"))
    LogChunk.objects.create(execution=run, text=f"film 2 {EVIL}\n")
    Execution.objects.filter(pk=run.pk).update(progress=0.4, progress_text="2 of 5")
    expect(page.locator("#run-log")).to_have_text(f"film 1\nfilm 2 {EVIL}\n")
    expect(page.get_by_text("40 % · 2 of 5")).to_be_visible()
    store.cancel(run, by="test", now=timezone.now())
    Execution.objects.filter(pk=run.pk).update(
        state=State.CANCELLED, finished_at=timezone.now(), instance=None, reason="Cancelled by test."
    )
    expect(page.locator(".rota-head")).to_contain_text("Cancelled by test.")
    assert page.locator("[data-live]").count() == 0


def test_the_dashboard_refreshes_itself(window: Window, world: tuple[Job, Execution]) -> None:
    page = window()
    expect(page.get_by_text("A scheduler is alive")).to_be_visible()
    page.get_by_text("As a table").click()
    Job.objects.filter(pk="films").update(next_run_time=None, parked_reason="Gone too.")
    expect(page.get_by_text("Gone too.")).to_be_visible(timeout=15_000)
    assert page.locator("details[open]").count() == 1


def pages(world: tuple[Job, Execution]) -> Iterator[str]:
    job, run = world
    yield from ("/admin/", *(f"/admin/scheduling/{name}/" for name in ("job", "job/add", "execution", "worker")))
    yield from (columns.page(job, door) for door in ("change", "history", "run", "pause", "delete"))
    yield from (columns.page(each) for each in Execution.objects.all())
    yield from (columns.page(run, "cancel"), "/admin/auth/user/", "/admin/auth/user/add/")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_the_screen(window: Window, world: Any, width: int, dark: bool) -> None:
    LogChunk.objects.create(execution=world[1], text="x" * 3000)
    page = window(width, dark=dark)
    for address in pages(world):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    assert ("dark" in (page.locator("html").get_attribute("class") or "")) is dark


def test_moments_are_shown_on_the_clock_of_the_browser(window: Window, world: tuple[Job, Execution]) -> None:
    moment = timezone.now().replace(year=2050, month=1, day=1, hour=12, minute=0)
    Job.objects.filter(pk="films").update(next_run_time=moment)
    page = window(zone="Asia/Tokyo")
    page.goto("/admin/scheduling/job/")
    expect(page.get_by_text("2050-01-01 21:00")).to_be_visible()
