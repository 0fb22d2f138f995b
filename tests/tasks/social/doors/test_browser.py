"""The pages in a real browser: charts, a schedule that is tried out before it is saved, phones in the dark."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tasks.social.models import Business, Failure, Platform
from tasks.social.schedule import job_of
from tests.tasks.social.factories import make_account, make_business, make_post, make_reading, make_sync

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.sqlite_only]
Window = Callable[..., Page]
LONG = "A business whose name is rather long, since somebody has written down all of it and more than that"


@pytest.fixture
def world() -> Business:
    """A business with four accounts, some posts of two weeks, a sync with failures."""
    now = timezone.now()
    business = make_business(LONG)
    sync = make_sync(business, now - timedelta(minutes=12), posts_total=50, posts_synced=45, failures=1)
    for platform in Platform:
        account = make_account(business, platform, synced_at=now)
        Failure.objects.create(sync=sync, account=account, code="100", message="It is not known here. " * 9, at=now)
        for number in range(3):
            post = make_post(account, text=f"{'Word ' * 40}{number}", read_at=now, impressions=9000, likes=40)
            for days in range(14):
                make_reading(post, now - timedelta(days=days), impressions=9000 - 500 * days, likes=40 - days)
    return business


def test_a_schedule_is_tried_out_and_saved(window: Window, world: Business) -> None:
    page = window()
    page.goto(f"/admin/social/business/{world.pk}/change/")
    expect(page.locator(".social-plot svg")).to_have_count(2)
    page.get_by_role("link", name="Schedule", exact=False).first.click()
    expect(page.get_by_text("Every 24 hours")).to_be_visible()
    page.get_by_label("Cron expression").check()
    page.get_by_label("Crontab").fill("0 8-18/2 * * 1-5")
    expect(page.get_by_text("Every 2 hours, between")).to_be_visible()
    page.get_by_label("Crontab").fill("61 * * * *")
    expect(page.locator(".rota-preview-error")).to_be_visible()
    page.get_by_label("Crontab").fill("0 2 * * *")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is synced by its own schedule")).to_be_visible()
    job = job_of(world)
    assert job is not None
    assert job.cron == "0 2 * * *"


def test_charts_can_be_read_as_tables_and_over_other_times(window: Window, world: Business) -> None:
    page = window()
    page.goto(f"/admin/social/business/{world.pk}/change/")
    impressions = page.get_by_role("region", name="Impressions")
    impressions.get_by_text("As a table").click()
    expect(impressions.get_by_role("cell", name="108,000").first).to_be_visible()
    page.get_by_role("link", name="2 days").click()
    expect(page.get_by_role("link", name="2 days")).to_have_attribute("aria-current", "true")


def test_every_page_fits_a_phone_in_the_dark(window: Window, world: Business) -> None:
    page = window(390, dark=True)
    account, sync = world.accounts.get(platform=Platform.LINKEDIN), world.syncs.get()
    post = account.posts.first()
    assert post is not None
    pages = [f"{model}/{row.pk}/change/" for model, row in (("account", account), ("post", post), ("sync", sync))]
    pages += [f"business/{world.pk}/{name}/" for name in ("change", "schedule", "delete")]
    for address in (*("business/", "account/", "post/", "sync/", "member/", "refusedmetric/"), *pages):
        page.goto(f"/admin/social/{address}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
