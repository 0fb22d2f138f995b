"""The trends page in a real browser: charts that lead to clusters, buttons, a state that keeps itself true."""

from collections.abc import Callable
from random import Random

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from scheduling.models import Execution, Job, State
from tasks.models import Status, TaskRecord
from tasks.tickets.models import Cluster, Comment, HourlyCount, Ticket
from tasks.tickets.trends import hour_of
from tests.factories import make_worker
from tests.tasks.tickets.pipeline.conftest import HOUR, make_cluster, make_issue, make_ticket

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.sqlite_only]
Window = Callable[..., Page]

TRENDS = "/admin/tickets/cluster/trends/"
NAMES = (
    "CSV export is empty (rows, columns)",
    "Login loops after the password (session, cookie)",
    "Invoice shows the VAT of another country (tax, total)",
    "Map stays grey on tablets (tiles, zoom)",
    "Reminder mails arrive twice (calendar, duplicate)",
    "Badge printer prints half a page (paper, driver)",
    "A name that is rather long, since a customer wrote a whole sentence where a title was asked for (words, length)",
)


@pytest.fixture
def world(job: Job) -> list[Cluster]:
    """Seven clusters with two weeks behind them, of which two rise; issues, a ticket, comments."""
    now, random = timezone.now(), Random(7)  # noqa: S311
    top, clusters = hour_of(now), []
    for place, name in enumerate(NAMES):
        rising = (
            {"is_rising": True, "is_new": place == 0, "score": 6.2 - place, "ratio": 7 - place} if place < 2 else {}
        )
        cluster = make_cluster(name, size=90 - place, first_at=now, last_at=now, scored_at=now, terms=["csv"], **rising)
        counts = {back: random.choice([0, 0, 0, 1, 1, 2]) for back in range(1 if place else 400, 330)}
        if place < 2:
            counts |= {0: 5, 1: 3}
        HourlyCount.objects.bulk_create(
            HourlyCount(cluster=cluster, hour=top - back * HOUR, count=count) for back, count in counts.items() if count
        )
        clusters.append(cluster)
    words = "The file that I exported has a header and no rows at all. It was fine last week.\nPlease help!"
    ticket = make_ticket(subject="CSV export is empty", description=words, status="open", opened_at=now)
    for number, is_public in enumerate([True, False]):
        Comment.objects.create(
            comment_id=number, ticket=ticket, author_id=7, is_public=is_public, body=words, written_at=now
        )
    for number in range(28):
        make_issue(
            "CSV export is empty", "No rows.", ticket=ticket if number == 0 else None, cluster=clusters[0],
            quote="has a header and no rows at all", severity=["low", "high", "critical"][number % 3],
            method=["local", "model"][number % 2], opened_at=now - number * HOUR,
        )  # fmt: skip
    return clusters


def begin(run: Execution) -> None:
    """What a scheduler does first."""
    now = timezone.now()
    worker = make_worker(heartbeat_at=now, turned_at=now)
    Execution.objects.filter(pk=run.pk).update(state=State.RUNNING, started_at=now, worker=worker)
    closed = {"status": Status.SUCCEEDED, "finished_at": now, "items_processed": 120, "items_succeeded": 120}
    TaskRecord.objects.create(task_name=run.task, label="sync", execution=run, **closed)
    TaskRecord.objects.create(task_name=run.task, label="analyze", execution=run)


def reach(run: Execution, done: int) -> None:
    share = done / 500
    Execution.objects.filter(pk=run.pk).update(progress=(1 + share) / 4, progress_text=f"analyze {done}/500")
    TaskRecord.objects.filter(label="analyze").update(progress=share, items_processed=done, items_succeeded=done)


def test_a_run_is_started_watched_and_cancelled(window: Window, world: list[Cluster]) -> None:
    page = window()
    page.goto(TRENDS)
    page.get_by_label("Days back").fill("7")
    page.get_by_role("button", name="Full pipeline").click()
    expect(page.get_by_text("is queued: sync, analyze, cluster, trends")).to_be_visible()
    expect(page.get_by_text("No scheduler is at work")).to_be_visible()
    expect(page.get_by_role("button", name="Sync")).to_have_count(0)
    run = Execution.objects.get()
    assert run.arguments["backfill_days"] == 7
    begin(run)
    reach(run, 120)
    expect(page.get_by_text("analyze 120/500")).to_be_visible()
    reach(run, 333)
    expect(page.get_by_text("analyze 333/500")).to_be_visible()
    expect(page.locator(".mined-stages li")).to_have_count(4)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("was told to stop")).to_be_visible()
    now = timezone.now()
    Execution.objects.update(state=State.CANCELLED, finished_at=now)
    TaskRecord.objects.filter(label="analyze").update(status=Status.CANCELLED, finished_at=now)
    expect(page.get_by_role("button", name="Full pipeline")).to_be_visible(timeout=10_000)


def test_every_page_fits_a_phone_in_the_dark(window: Window, world: list[Cluster]) -> None:
    page = window(390, dark=True)
    ticket = Ticket.objects.get(description__gt="")
    for address in ("cluster/", "issue/", "ticket/", f"ticket/{ticket.pk}/change/", "cluster/trends/"):
        page.goto(f"/admin/tickets/{address}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def test_charts_lead_to_clusters_and_their_quotes(window: Window, world: list[Cluster]) -> None:
    page = window()
    page.goto(TRENDS)
    expect(page.locator(".mined-rows .mined-line")).to_have_count(len(NAMES))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name=NAMES[0]).first.click()
    expect(page.locator("#quotes blockquote").first).to_be_visible()
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_text("Page 2 of 2")).to_be_visible()
