"""Pages of social analytics: what they show, what they never show, and what their buttons do."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduling.models import Execution, Job, Why
from tasks.social.admin.charts import short
from tasks.social.admin.drawing import BOTTOM, ROOM, draw
from tasks.social.admin.posts import is_web
from tasks.social.models import Account, Business, Failure, Member, RefusedMetric, Standing, SyncState
from tasks.social.schedule import IDLE, give, job_of, plan
from tests.factories import make_execution
from tests.tasks.social.doors.conftest import EVIL, MEMBERS, SEE, Login, join, make_whole
from tests.tasks.social.factories import NOON, make_account, make_business, make_post, make_reading, make_sync

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

BASE = "/admin/social"
ESCAPED = "&lt;script&gt;alert"
MAY_RUN = (*MEMBERS, "scheduling.run_job", "scheduling.view_execution")


def page(row: Any, name: str = "change") -> str:
    return f"{BASE}/{row._meta.model_name}/{row.pk}/{name}/"


# Businesses


def test_the_list_tells_syncs_schedules_and_trends(login: Login) -> None:
    now = timezone.now()
    business, _, post, _ = make_whole("Sea Breeze")
    make_sync(business, now, posts_total=50, posts_synced=45, failures=5)
    make_reading(post, now - timedelta(days=2), impressions=12_345)
    post.read_at = now
    post.save()
    give(business, plan(hours=6), by="ada", now=now)
    make_business("Idle", is_active=False)
    shown = login(*SEE).get(f"{BASE}/business/").text
    for words in ("45/50 posts", "5 failures", "Every 6 hours", "12.3k", "Not active", "never"):
        assert words in shown, words


def test_more_businesses_take_no_more_questions(login: Login) -> None:
    client = login(*SEE)

    def asked() -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(f"{BASE}/business/").status_code == 200
        return len(found)

    make_whole("First")
    asked()
    few = asked()
    for number in range(4):
        business, *_ = make_whole(f"More {number}")
        give(business, plan(), by="ada", now=NOON)
    assert asked() <= few


def test_a_page_shows_charts_accounts_syncs_and_errors(login: Login) -> None:
    now = timezone.now()
    business, account, *_ = make_whole("Sea Breeze")
    Account.objects.update(standing=Standing.NEEDS_AUTHORISATION, problem=f"190: {EVIL}")
    sync = make_sync(business, now, posts_total=50, posts_synced=45, failures=5)
    Failure.objects.create(sync=sync, account=account, platform_post_id="9", code="100", message=EVIL, at=now)
    shown = login(*SEE).get(page(business)).text
    for words in ("Likes", "As a table", "Needs authorisation", "45/50 posts synced, 5 failures in 30.00 s", ESCAPED):
        assert words in shown, words
    assert EVIL not in shown
    assert "correct the error" not in shown


@pytest.mark.parametrize(
    ("lacking", "gone"),
    [
        ("social.view_post", "As a table"),
        ("social.view_account", "accounts-title"),
        ("social.view_sync", "syncs-title"),
    ],
)
def test_each_part_is_for_those_who_may_see_it(login: Login, lacking: str, gone: str) -> None:
    business, *_ = make_whole("Sea Breeze")
    assert gone in login(*SEE).get(page(business)).text
    shown = login(*(each for each in SEE if each != lacking)).get(page(business)).text
    assert gone not in shown
    assert lacking != "social.view_sync" or "45/50" not in shown


@pytest.mark.parametrize("reach", ["2d", "14d", "90d", "joy", "%00"])
def test_one_looks_as_far_back_as_one_likes(login: Login, reach: str) -> None:
    business, *_ = make_whole("Sea Breeze")
    assert login(*SEE).get(f"{page(business)}?reach={reach}").status_code == 200


def test_a_business_that_is_made_inactive_pauses_its_job(login: Login) -> None:
    business = make_business("Sea Breeze")
    give(business, plan(), by="ada", now=NOON)
    Business.objects.update(claimed_by="run 7")
    client = login(*MEMBERS)
    client.post(page(business), {"name": "Sea Breeze", "in_hourly_sync": "on"})
    business.refresh_from_db()
    job = job_of(business)
    assert job is not None
    assert (business.is_active, job.paused_reason, business.claimed_by) == (False, IDLE, "run 7")
    client.post(page(business), {"name": "Sea Breeze", "is_active": "on"})
    assert not Job.objects.exclude(paused_at=None).exists()


def test_a_business_goes_with_its_job_and_counts_are_shown_before(login: Login) -> None:
    business, *_ = make_whole("Sea Breeze")
    give(business, plan(), by="ada", now=NOON)
    client = login(*SEE, "social.delete_business")
    assert "Readings: 1" in client.get(page(business, "delete")).text
    client.post(page(business, "delete"), {"post": "yes"})
    assert not Business.objects.exists()
    assert not Job.objects.exists()


def test_sync_now_asks_first_and_tells_the_run(login: Login) -> None:
    business = make_business("Sea Breeze")
    client = login(*MAY_RUN)
    assert "Sync Sea Breeze now?" in client.get(page(business, "sync")).text
    assert not Execution.objects.exists()
    shown = client.post(page(business, "sync"), follow=True).text
    run = Execution.objects.get()
    assert f'href="/admin/scheduling/execution/{run.pk}/change/"' in shown
    assert (run.why, run.tenant) == (Why.RUN_NOW, business.tenant)
    assert "is under way already: queued" in client.post(page(business, "sync"), follow=True).text


def test_what_cannot_be_synced_says_why(login: Login, hourly: Job, settings: Any) -> None:
    business = make_business("Sea Breeze", is_active=False)
    client = login(*MAY_RUN)
    assert "is not active" in client.post(page(business, "sync")).text
    settings.SOCIAL = {**settings.SOCIAL, "X_CLIENT_ID": ""}
    assert "META_APP_ID" in client.post(f"{BASE}/business/sync-all/", follow=True).text
    assert not Execution.objects.exists()


def test_all_are_synced_from_the_list(login: Login, hourly: Job) -> None:
    client = login(*MAY_RUN)
    assert "Sync all now" in client.get(f"{BASE}/business/").text
    assert "Sync all businesses now?" in client.get(f"{BASE}/business/sync-all/").text
    client.post(f"{BASE}/business/sync-all/")
    assert Execution.objects.get().job_id == hourly.pk
    assert login(*MEMBERS).post(f"{BASE}/business/sync-all/").status_code == 403


def test_a_schedule_is_given_and_taken_away(login: Login) -> None:
    business = make_business("Sea Breeze")
    client = login(*MEMBERS)
    assert "unschedule" not in client.get(page(business)).text
    client.post(page(business, "schedule"), {"by": "interval", "hours": "6", "reason": "They asked."})
    job = job_of(business)
    assert job is not None
    assert job.interval == timedelta(hours=6)
    assert 'value="6"' in client.get(page(business, "schedule")).text
    client.post(page(business, "schedule"), {"by": "cron", "cron": "0 2 * * *", "timezone": "Europe/Berlin"})
    job.refresh_from_db()
    assert (job.cron, job.timezone) == ("0 2 * * *", "Europe/Berlin")
    assert "unschedule" in client.get(page(business)).text
    client.post(page(business, "unschedule"))
    assert job_of(business) is None


@pytest.mark.parametrize(
    "given",
    [
        {"by": "cron", "cron": "61 * * * *"},
        {"by": "cron"},
        {"by": "interval", "hours": "0"},
        {"by": "interval", "hours": "9999"},
        {"by": "joy"},
        {"by": "cron", "cron": "0 2 * * *", "timezone": "Atlantis"},
        {},
    ],
)
def test_a_wrong_schedule_is_refused_in_the_form_and_in_the_preview(login: Login, given: dict[str, str]) -> None:
    business, client = make_business(), login(*MEMBERS)
    assert client.post(page(business, "schedule"), given).status_code == 200
    assert "rota-preview-error" in client.get(f"{BASE}/business/preview/", given).text
    assert not Job.objects.exists()


def test_the_next_runs_are_shown_before_saving(login: Login) -> None:
    client = login(*MEMBERS)
    shown = client.get(
        f"{BASE}/business/preview/", {"by": "cron", "cron": "0 2 * * *", "timezone": "Europe/Berlin"}
    ).text
    assert "At 02:00" in shown
    assert shown.count("<tr>") == 6
    assert login(*SEE).get(f"{BASE}/business/preview/").status_code == 403


# Posts


def test_a_post_is_shown_as_text_with_its_figures(login: Login) -> None:
    post = make_post(make_account(), text=EVIL, url="https://x.example/1", likes=7, engagement=0.0312)
    make_reading(post)
    client = login(*SEE)
    shown = client.get(page(post)).text
    assert 'href="https://x.example/1"' in shown
    assert "3.12 %" in shown
    for address in (page(post), f"{BASE}/post/"):
        assert ESCAPED in client.get(address).text
        assert EVIL not in client.get(address).text


@pytest.mark.parametrize(
    ("address", "is_led_to"),
    [
        ("https://x.example/1", True),
        ("http://x.example", True),
        ("javascript:alert(1)", False),
        ("JavaScript://x.example/%0aalert(1)", False),
        ("data:text/html,x", False),
        ("//x.example", False),
        ("https:", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_only_the_web_is_led_to(address: str, is_led_to: bool) -> None:
    assert is_web(address) is is_led_to


def test_an_address_that_leads_elsewhere_is_no_link(login: Login) -> None:
    post = make_post(url="javascript:alert(1)")
    assert 'href="javascript' not in login(*SEE).get(page(post)).text


def test_posts_are_found_by_business_and_platform(login: Login) -> None:
    one, *_ = make_whole("One")
    make_whole("Two")
    client = login(*SEE)
    shown = client.get(f"{BASE}/post/?business={one.pk}").text
    assert "Post of One" in shown
    assert "Post of Two" not in shown
    assert client.get(f"{BASE}/post/?account__platform__exact=x&q=Two").status_code == 200


# Syncs, metrics, members


def test_a_sync_tells_its_failures(login: Login) -> None:
    business, account, _, _ = make_whole("Sea Breeze")
    run = make_execution().pk
    sync = make_sync(business, state=SyncState.FAILED, error=f"Ended: {EVIL}", execution=run)
    Failure.objects.create(sync=sync, account=account, code="190", message=EVIL, at=NOON)
    shown = login(*SEE, "scheduling.view_execution").get(page(sync)).text
    assert "the whole account" in shown
    assert f"/admin/scheduling/execution/{run}/change/" in shown
    assert EVIL not in shown
    assert f"/admin/scheduling/execution/{run}/" not in login(*SEE).get(page(sync)).text


def test_a_refused_metric_is_deleted_to_be_tried_again(login: Login) -> None:
    metric = RefusedMetric.objects.create(
        platform="x", version="2", kind="post", name="joy", refused_at=NOON, message=EVIL
    )
    client = login("social.view_refusedmetric", "social.delete_refusedmetric")
    assert EVIL not in client.get(f"{BASE}/refusedmetric/").text
    client.post(page(metric, "delete"), {"post": "yes"})
    assert not RefusedMetric.objects.exists()


def test_people_are_given_to_businesses(login: Login, django_user_model: Any) -> None:
    business, bob = make_business("Sea Breeze"), django_user_model.objects.create_user("bob")
    client = login("social.view_member", "social.add_member", "social.change_member")
    client.post(f"{BASE}/member/add/", {"user": bob.pk, "businesses": [business.pk]})
    assert list(Member.objects.get().businesses.all()) == [business]
    shown = client.get(f"{BASE}/member/").text
    assert "bob" in shown
    assert "Sea Breeze" in shown


def test_a_member_is_emptied_and_goes_with_the_user_only(login: Login, django_user_model: Any) -> None:
    bob = django_user_model.objects.create_user("bob")
    join(bob, make_business())
    client = login(superuser=True)
    shown = client.get(page(bob.social_member)).text
    assert "stays a member" in shown
    assert "/delete/" not in shown
    assert client.post(page(bob.social_member, "delete"), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [bob.pk], "post": "yes"}
    client.post(f"{BASE}/member/", chosen)
    assert Member.objects.filter(user=bob).exists()
    assert client.post(f"/admin/auth/user/{bob.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not django_user_model.objects.filter(pk=bob.pk).exists()


# Drawings


def test_a_line_has_gaps_and_points_that_stand_alone() -> None:
    drawn = draw([None, 2, 4, None, 3, None])
    assert [piece.points for piece in drawn.pieces] == [f"20,{BOTTOM} 40,{ROOM}", "76,56 84,56"]
    assert (drawn.lowest, drawn.highest, drawn.first, drawn.last, drawn.growth) == (2, 4, 2, 3, 1)


def test_a_flat_line_lies_in_the_middle_and_none_is_none() -> None:
    assert draw([5, 5]).pieces[0].points == "0,56 20,56"
    assert draw([None, None]).pieces == []
    assert draw([0]).pieces[0].points == "0,56 4,56"


@pytest.mark.parametrize(
    ("value", "words"), [(None, "—"), (0, "0"), (9_999, "9,999"), (12_345, "12.3k"), (4_100_000, "4.1M"), (7e9, "7.0G")]
)
def test_a_number_is_told_in_short(value: float | None, words: str) -> None:
    assert short(value) == words
