"""The addresses that scripts of the source system know, and those for programs that draw their own charts."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from scheduling.models import Change, Execution, Job, Scope, State
from tasks.social.models import Business, Failure, SyncState
from tasks.social.schedule import give, plan
from tests.factories import make_execution
from tests.scheduling.api.caller import Caller, queries, wrong_fields
from tests.tasks.social.doors.conftest import EVIL, MEMBERS, SEE, make_whole
from tests.tasks.social.factories import NOON, make_account, make_business, make_post, make_reading, make_sync

pytestmark = pytest.mark.django_db

TRIGGER, REFRESH = "scheduler/trigger-sync", "analytics/refresh"
MAY_SYNC = ("social.view_business", "social.sync_business")


def address(business: Business, query: str = "") -> str:
    return f"scheduler/business/{business.pk}/schedule{query}"


@pytest.fixture
def caller() -> Caller:
    return Caller(*MEMBERS, "scheduling.run_job")


# Sync now


def test_one_business_is_synced_as_the_guide_says(caller: Caller) -> None:
    business = make_business()
    told = caller.post(f"{TRIGGER}?business_id={business.pk}")
    assert told.status_code == 200
    run = Execution.objects.get()
    assert told.json() == {
        "status": "started",
        "message": f"Run #{run.pk} is queued.",
        "business_id": business.pk,
        "execution": run.pk,
    }
    assert run.requested_by == caller.who


def test_all_are_synced_as_the_guide_says(caller: Caller, hourly: Job) -> None:
    told = caller.post(TRIGGER).json()
    assert (told["status"], told["business_id"]) == ("started", None)
    assert Execution.objects.get().job_id == hourly.pk


def test_while_one_is_under_way_that_one_is_told(caller: Caller, hourly: Job) -> None:
    first = caller.post(TRIGGER).json()["execution"]
    again = caller.post(TRIGGER)
    assert again.status_code == 200
    assert (again.json()["status"], again.json()["execution"]) == ("already_running", first)
    assert Execution.objects.count() == 1


def test_a_request_that_is_sent_twice_with_one_key_is_one(caller: Caller) -> None:
    path = f"{TRIGGER}?business_id={make_business().pk}"
    first = caller.send("POST", path, Idempotency_Key="8e03978e")
    Execution.objects.update(state=State.CANCELLED, finished_at=NOON)
    again = caller.send("POST", path, Idempotency_Key="8e03978e")
    assert (again.status_code, again.json()) == (200, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert caller.send("POST", TRIGGER, Idempotency_Key="8e03978e").status_code == 422
    assert caller.post(path).json()["execution"] != first.json()["execution"]


def test_what_cannot_be_synced_is_told_in_words(caller: Caller, hourly: Job, settings: Any) -> None:
    idle = make_business(is_active=False)
    refused = caller.post(f"{TRIGGER}?business_id={idle.pk}")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:rota:not-active")
    assert caller.post(f"{TRIGGER}?business_id=999").status_code == 404
    assert wrong_fields(caller.post(f"{TRIGGER}?business_id=0")) == ["business_id"]
    assert wrong_fields(caller.post(f"{TRIGGER}?busines_id=1")) == ["busines_id"]
    settings.SOCIAL = {**settings.SOCIAL, "X_CLIENT_ID": ""}
    refused = caller.post(TRIGGER)
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:rota:not-configured")
    assert "META_APP_ID" in refused.json()["detail"]


def test_for_all_it_takes_the_right_to_run_jobs(hourly: Job) -> None:
    caller = Caller(*MAY_SYNC)
    refused = caller.post(TRIGGER)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:rota:forbidden")
    assert caller.post(f"{TRIGGER}?business_id={make_business().pk}").status_code == 200


# Schedules


def test_a_schedule_is_made_changed_shown_and_removed(caller: Caller) -> None:
    business = make_business("Sea Breeze")
    assert caller.get(address(business)).status_code == 404
    made = caller.post(address(business, "?interval_hours=24"))
    assert made.status_code == 201
    told = made.json()
    assert (told["job_id"], told["interval_hours"], told["message"]) == (
        f"sync_business_{business.pk}",
        24,
        "Every 24 hours",
    )
    changed = caller.post(address(business, "?cron=0+*/6+*+*+*&timezone=Europe/Berlin"))
    assert changed.status_code == 200
    assert caller.get(address(business)).json() == changed.json()
    assert (changed.json()["cron"], changed.json()["timezone"]) == ("0 */6 * * *", "Europe/Berlin")
    assert caller.delete(address(business)).status_code == 204
    assert caller.delete(address(business)).status_code == 404
    assert list(Change.objects.exclude(job=None).values_list("action", "by")) == [
        (deed, caller.who) for deed in ("deleted", "changed", "created")
    ]


def test_without_a_word_it_is_every_day(caller: Caller) -> None:
    assert caller.post(address(make_business())).json()["interval_hours"] == 24


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("interval_hours=0", "interval_hours"),
        ("interval_hours=8761", "interval_hours"),
        ("interval_hours=1.5", "interval_hours"),
        ("cron=61+*+*+*+*", "cron"),
        ("cron=", "cron"),
        ("cron=0+2+*+*+*&timezone=Europe/Atlantis", "timezone"),
        ("cron=0+2+*+*+*&interval_hours=2", "cron"),
    ],
)
def test_a_wrong_schedule_names_the_parameter(caller: Caller, query: str, field: str) -> None:
    business = make_business()
    assert wrong_fields(caller.post(address(business, f"?{query}"))) == [field]
    assert not Job.objects.exists()


def test_a_schedule_is_no_business_of_a_program_that_only_reads() -> None:
    business = make_business()
    caller = Caller(*MEMBERS, scopes=("read",))
    give(business, plan(), by="ada", now=NOON)
    assert caller.get(address(business)).status_code == 200
    assert caller.post(address(business)).status_code == caller.delete(address(business)).status_code == 403
    assert Scope.WRITE in caller.delete(address(business)).json()["detail"]


# What came of it


def test_the_errors_of_the_last_sync_are_told(caller: Caller) -> None:
    business, account, _, _ = make_whole("Sea Breeze")
    ended = {
        "finished_at": NOON + timedelta(hours=1, seconds=120.45),
        "posts_total": 50,
        "posts_synced": 45,
        "failures": 5,
    }
    run = make_execution().pk
    sync = make_sync(business, NOON + timedelta(hours=1), execution=run, **ended)
    Failure.objects.create(sync=sync, account=account, platform_post_id="9", code="100", message=EVIL, at=NOON)
    told = caller.get(REFRESH, business_id=business.pk).json()
    assert (told["posts_total"], told["posts_synced"], told["failures"]) == (50, 45, 5)
    (one,) = told["syncs"]
    assert one["message"] == "45/50 posts synced, 5 failures in 120.45 s"
    assert (one["status"], one["seconds"], one["execution"], one["error"]) == ("done", 120.45, run, "")
    (error,) = told["errors"]
    assert (error["account_id"], error["platform_post_id"], error["code"]) == (account.pk, "9", "100")
    assert error["message"] == EVIL
    assert not told["more_errors"]


def test_without_a_business_all_are_told(caller: Caller) -> None:
    make_whole("One")
    make_whole("Two")
    make_business("Three")
    told = caller.get(REFRESH).json()
    assert [each["status"] for each in told["syncs"]] == ["done", "done", None]
    assert (told["posts_total"], told["posts_synced"]) == (100, 90)
    assert told["syncs"][2]["message"] == "It was never synced."


def test_asking_changes_nothing(caller: Caller) -> None:
    business, *_ = make_whole("Sea Breeze")
    caller.get(REFRESH, business_id=business.pk)
    assert not Execution.objects.exists()
    assert caller.get(REFRESH, business_id=999).status_code == 404


def test_one_that_goes_on_is_told_as_such(caller: Caller) -> None:
    business = make_business()
    make_sync(business, timezone.now() - timedelta(seconds=9), state=SyncState.RUNNING, finished_at=None, posts_total=3)
    (told,) = caller.get(REFRESH, business_id=business.pk).json()["syncs"]
    assert (told["status"], told["finished_at"], told["message"]) == ("running", None, "0/3 posts synced so far")
    assert told["seconds"] >= 9


def test_more_businesses_take_no_more_questions(caller: Caller) -> None:
    make_whole("One")
    few = queries(lambda: caller.get(REFRESH))
    for number in range(5):
        make_whole(f"More {number}")
    assert queries(lambda: caller.get(REFRESH)) == few


# For programs


def test_businesses_are_listed_in_pages(caller: Caller) -> None:
    one, *_ = make_whole("One")
    two = make_business("Two", in_hourly_sync=False)
    give(two, plan(), by="ada", now=NOON)
    rows = caller.pages("analytics/businesses", limit=1)
    assert [row["id"] for row in rows] == [two.pk, one.pk]
    assert (rows[1]["accounts"], rows[1]["posts"], rows[1]["job_id"]) == (1, 1, None)
    assert (rows[0]["in_hourly_sync"], rows[0]["job_id"]) == (False, f"sync_business_{two.pk}")


def test_figures_over_time_are_told_for_each_kind(caller: Caller) -> None:
    now, account = timezone.now(), make_account()
    post = make_post(account, read_at=now)
    make_post(account, read_at=now - timedelta(days=30), likes=100)
    make_reading(post, now - timedelta(days=3), likes=2**53 + 1)
    for named in ({"business_id": account.business_id}, {"account_id": account.pk}):
        told = caller.get("analytics/series", metric="likes", **named).json()
        assert told["points"][0]["value"] == 100
        assert told["points"][-1]["value"] == 2**53 + 101
    told = caller.get(
        "analytics/series", metric="likes", post_id=post.pk, since=(now - timedelta(hours=9)).isoformat()
    ).json()
    assert told["step"] == 3600
    assert {point["value"] for point in told["points"]} == {2**53 + 1}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "business_id"),
        ({"business_id": 1, "metric": "joy"}, "metric"),
        ({"business_id": 1, "metric": "engagement"}, "metric"),
        ({"business_id": 1, "since": "2999-01-01T00:00:00Z"}, "since"),
        ({"business_id": 1, "since": "1999-01-01T00:00:00Z"}, "since"),
        ({"business_id": -1}, "business_id"),
    ],
)
def test_what_makes_no_series_is_refused(caller: Caller, query: dict[str, Any], field: str) -> None:
    assert wrong_fields(caller.get("analytics/series", **query)) == [field]


@pytest.mark.parametrize("name", ["business_id", "account_id", "post_id"])
def test_what_is_not_there_has_no_series(caller: Caller, name: str) -> None:
    assert caller.get("analytics/series", **{name: 999}).status_code == 404


def test_each_door_takes_its_permission() -> None:
    nobody = Caller()
    for path in (REFRESH, "analytics/businesses", "analytics/series?post_id=1", address(make_business())):
        assert nobody.get(path).status_code == 403
    reader = Caller(*SEE)
    assert reader.post(TRIGGER).status_code == 403
    assert reader.post(address(Business.objects.get())).status_code == 403
