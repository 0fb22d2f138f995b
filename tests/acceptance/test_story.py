"""The whole of it: a person in the browser, a running scheduler behind."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from scheduling.models import Execution, Job, State
from tests.acceptance.rota import Rota

pytestmark = pytest.mark.browser

JOB = "/admin/scheduling/job/nightly/change/"


def test_staff_steer_a_running_scheduler(rota: Rota, window: Callable[..., Page]) -> None:
    rota.job("sleep", id="nightly", trigger="cron", cron="0 2 1 1 *", arguments={"seconds": 0.2})
    rota.start()
    page = window()

    page.goto(JOB)  # every two seconds instead of once a year
    page.get_by_label("Interval").first.check()
    page.locator("#id_interval").fill("2 s")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/scheduling/job/")
    rota.until(lambda: Execution.objects.filter(state=State.SUCCEEDED).count() == 2, within=7)

    page.goto(JOB)
    page.get_by_role("link", name="Pause").click()
    page.get_by_label("Reason").fill("The vendor is down")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused by admin: The vendor is down")).to_be_visible()
    rota.until(lambda: not Execution.objects.filter(state__in=["queued", "running"]).exists())

    page.goto(JOB)  # by hand it runs all the same, here with other arguments
    page.get_by_role("link", name="Run now").click()
    page.locator("textarea").fill('{"seconds": 60}')
    page.get_by_role("button", name="Run now").click()
    rota.until(lambda: Execution.objects.filter(why="run_now", state=State.RUNNING).exists(), within=3)
    run = Execution.objects.get(why="run_now")

    page.goto(f"/admin/scheduling/execution/{run.pk}/change/")
    expect(page.locator("#run-log")).to_contain_text("still 59")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("button", name="Cancel").click()
    rota.ended(run, within=2)
    assert (run.state, run.cancel_requested_by) == (State.CANCELLED, "admin")
    expect(page.locator(".rota-badge").get_by_text("Cancelled", exact=True).first).to_be_visible()
    expect(page.get_by_text("Cancelled by admin").first).to_be_visible()
    page.wait_for_load_state("networkidle")  # it has loaded itself again, since the run has ended

    page.goto(JOB)
    page.get_by_role("link", name="Resume").click()
    page.get_by_role("button", name="Resume").click()
    before = Execution.objects.count()
    rota.until(lambda: Execution.objects.count() > before, within=4)
    page.goto(f"{JOB.removesuffix('change/')}history/")
    for deed in ("paused", "resumed", "changed"):
        expect(page.get_by_text(deed).first).to_be_visible()
    assert Job.objects.get(pk="nightly").revision == 2
