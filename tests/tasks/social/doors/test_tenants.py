"""People of one business see and steer nothing of another, whichever door they try: one table of all doors.

Each door of the admin and of REST that is about a row has to be here; a new one makes the first tests fail.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from project.api import api
from scheduling.models import Change, Execution, Job
from scheduling.store import pause
from tasks.social.models import Account, Business, Member, Post, RefusedMetric, Sync
from tasks.social.people import PERMISSIONS
from tasks.social.removal import remove_business
from tasks.social.schedule import TASK, give, plan
from tests.factories import ECHO, make_execution
from tests.scheduling.api.caller import Caller
from tests.tasks.social.doors.conftest import MEMBERS, Login, join, make_whole, member, permit
from tests.tasks.social.factories import NOON, make_business

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

EVERYTHING = (  # what an administrator may hand out by mistake
    *MEMBERS,
    *("social.add_business", "social.delete_business", "social.view_refusedmetric", "social.delete_refusedmetric"),
    *("social.view_member", "social.add_member", "social.change_member", "social.delete_member"),
    *("scheduling.run_job", "auth.view_user"),
)
ABOUT_A_ROW = {  # pages of the admin: model -> those with the id of a row in their address
    "business": ("change", "delete", "history", "sync", "schedule", "unschedule", "job"),
    "account": ("change", "delete", "history"),
    "post": ("change", "delete", "history"),
    "sync": ("change", "delete", "history"),
}
LISTS = ("business", "account", "post", "sync")
CLOSED = {  # to members, whatever they were permitted
    "social_business_add",
    "social_business_sync_all",
    *(f"social_refusedmetric_{page}" for page in ("changelist", "add", "change", "delete", "history")),
    *(f"social_member_{page}" for page in ("changelist", "add", "change", "delete", "history")),
}
NOBODYS = {f"social_{model}_add" for model in ("post", "sync")}
OF_NO_ROW = {"social_account_add", "social_business_preview"}
REST = (  # method, address, and what is sent by name
    ("POST", "scheduler/trigger-sync?business_id={business}"),
    ("GET", "scheduler/business/{business}/schedule"),
    ("POST", "scheduler/business/{business}/schedule"),
    ("DELETE", "scheduler/business/{business}/schedule"),
    ("GET", "analytics/refresh?business_id={business}"),
    ("GET", "analytics/series?business_id={business}"),
    ("GET", "analytics/series?account_id={account}"),
    ("GET", "analytics/series?post_id={post}"),
)
REST_LISTS = ("/api/v1/analytics/refresh", "/api/v1/analytics/businesses")
MARK = "of Theirs"  # in all that is shown of the others


@pytest.fixture
def ours() -> dict[str, Any]:
    return rows("Ours")


@pytest.fixture
def theirs() -> dict[str, Any]:
    found = rows("Theirs")
    Business.objects.filter(pk=found["business"].pk).update(name=f"Business {MARK}")
    return found


def rows(name: str) -> dict[str, Any]:
    business, account, post, sync = make_whole(name)
    give(business, plan(), by="ada", now=NOON)
    return {"business": business, "account": account, "post": post, "sync": sync}


def names(patterns: Any) -> Iterator[str]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from names(each.url_patterns)
        elif isinstance(each, URLPattern) and (each.name or "").startswith("social_"):
            yield str(each.name)


def page(name: str, row: Any) -> str:
    return reverse(f"admin:social_{name}", args=[row.pk])


def everything() -> tuple[int, ...]:
    """What a member must not change of others."""
    tables = (Business, Account, Post, Sync, Job, Execution, Member, RefusedMetric, Change)
    return tuple(table.objects.count() for table in tables)


# The table is whole


def test_every_page_of_the_admin_is_in_the_table() -> None:
    about = {f"social_{model}_{page}" for model, pages in ABOUT_A_ROW.items() for page in pages}
    lists = {f"social_{model}_changelist" for model in LISTS}
    assert set(names(admin.site.urls[0])) == about | lists | CLOSED | NOBODYS | OF_NO_ROW


def test_every_operation_of_rest_is_in_the_table() -> None:
    listed = {(method, address.partition("?")[0].replace("{business}", "{business_id}")) for method, address in REST}
    known = {
        (method, address.removeprefix("/api/v1/"))
        for method, address, operation in api.operations()
        if operation.view_func.__module__.startswith("tasks.social.")
    }
    lists = {("GET", address.removeprefix("/api/v1/")) for address in REST_LISTS}
    assert known == listed | lists


def test_what_counts_for_members_is_what_these_doors_look_after() -> None:
    assert set(MEMBERS) == PERMISSIONS


# The admin


@pytest.mark.parametrize(("model", "name"), [(model, each) for model, pages in ABOUT_A_ROW.items() for each in pages])
def test_a_page_about_a_row_of_others_is_not_there(
    model: str, name: str, ours: dict[str, Any], theirs: dict[str, Any], login: Login
) -> None:
    client = login(*EVERYTHING, of=[ours["business"]])
    before = everything()
    for ask in (client.get, client.post):
        answer = ask(page(f"{model}_{name}", theirs[model]))
        assert answer.status_code in (302, 403, 404)
        assert MARK not in answer.content.decode()
        assert str(theirs[model].pk) not in answer.get("Location", "")
    assert everything() == before


@pytest.mark.parametrize("name", ["change", "history"])
@pytest.mark.parametrize("model", LISTS)
def test_the_same_page_about_ones_own_is_there(model: str, name: str, ours: dict[str, Any], login: Login) -> None:
    client = login(*EVERYTHING, of=[ours["business"]])
    assert client.get(page(f"{model}_{name}", ours[model])).status_code == 200


@pytest.mark.parametrize("query", ["", "?q=Theirs", "?business={theirs}", "?all="])
@pytest.mark.parametrize("model", LISTS)
def test_a_list_has_ones_own_only(
    model: str, query: str, ours: dict[str, Any], theirs: dict[str, Any], login: Login
) -> None:
    client = login(*EVERYTHING, of=[ours["business"]])
    address = reverse(f"admin:social_{model}_changelist") + query.format(theirs=theirs["business"].pk)
    answer = client.get(address, follow=True)
    assert answer.status_code == 200
    assert MARK not in answer.content.decode()
    if "cl" in answer.context:
        assert {row.pk for row in answer.context["cl"].result_list} <= {ours[model].pk}


def test_filters_that_reach_through_relations_find_nothing(
    ours: dict[str, Any], theirs: dict[str, Any], login: Login
) -> None:
    client = login(*EVERYTHING, of=[ours["business"]])
    for address in ("account/?platform__exact=x", "post/?account__platform__exact=x", "sync/?state__exact=done"):
        assert MARK not in client.get(f"/admin/social/{address}", follow=True).content.decode()


@pytest.mark.parametrize("name", sorted(CLOSED))
def test_what_is_of_the_whole_installation_is_closed(
    name: str, ours: dict[str, Any], login: Login, hourly: Job
) -> None:
    metric = RefusedMetric.objects.create(platform="x", version="2", kind="post", name="joy", refused_at=NOON)
    other = Member.objects.create(user=User.objects.create_user("eve"))
    row = metric if "refused" in name else other
    is_about = name.endswith(("_change", "_delete", "_history"))
    address = reverse(f"admin:{name}", args=[row.pk] if is_about else [])
    client = login(*EVERYTHING, of=[ours["business"]])
    before = everything()
    assert client.get(address).status_code == client.post(address).status_code == 403
    assert everything() == before


def test_the_boxes_to_choose_from_have_ones_own_only(
    ours: dict[str, Any], theirs: dict[str, Any], login: Login
) -> None:
    client = login(*EVERYTHING, of=[ours["business"]])
    assert MARK not in client.get("/admin/social/account/add/").content.decode()
    asked = {"app_label": "social", "model_name": "member", "field_name": "businesses", "term": ""}
    answer = client.get("/admin/autocomplete/", asked)
    assert "Ours" in answer.text
    assert MARK not in answer.text


def test_an_account_is_added_to_ones_own_business_only(
    ours: dict[str, Any], theirs: dict[str, Any], login: Login
) -> None:
    client = login(*EVERYTHING, of=[ours["business"]])
    given = {"platform": "x", "external_id": "77", "new_access_token": "secret", "is_active": "on"}
    refused = client.post("/admin/social/account/add/", {**given, "business": theirs["business"].pk})
    assert refused.status_code == 200
    assert not Account.objects.filter(external_id="77").exists()
    client.post("/admin/social/account/add/", {**given, "business": ours["business"].pk})
    assert Account.objects.get(external_id="77").business == ours["business"]


def test_an_account_is_not_moved_to_another_business(
    ours: dict[str, Any], theirs: dict[str, Any], login: Login
) -> None:
    both = login(*EVERYTHING, of=[ours["business"], theirs["business"]])
    both.post(page("account_change", ours["account"]), {"business": theirs["business"].pk, "name": "New"})
    account = Account.objects.get(pk=ours["account"].pk)
    assert (account.business, account.name) == (ours["business"], "New")


def test_a_name_that_is_taken_is_not_told(ours: dict[str, Any], theirs: dict[str, Any], login: Login) -> None:
    given = {"is_active": "on", "in_hourly_sync": "on"}
    for name in (f"Business {MARK}", "Of nobody"):
        answer = login(*MEMBERS, of=[ours["business"]]).post(
            page("business_change", ours["business"]), {**given, "name": name}
        )
        assert answer.status_code == 302
    ours["business"].refresh_from_db()
    assert ours["business"].name == "Ours"
    boss = login(*MEMBERS).post(page("business_change", ours["business"]), {**given, "name": f"Business {MARK}"})
    assert "already exists" in boss.text


@pytest.mark.parametrize("of_all", [True, False])
def test_a_run_of_all_businesses_is_not_led_to(of_all: bool, ours: dict[str, Any], login: Login) -> None:
    run = make_execution(task=TASK, tenant="" if of_all else ours["business"].tenant)
    Sync.objects.update(execution=run.pk)
    client = login(*EVERYTHING, "scheduling.view_execution", of=[ours["business"]])
    for address in (page("sync_change", ours["sync"]), reverse("admin:social_sync_changelist")):
        assert (f"/admin/scheduling/execution/{run.pk}/" in client.get(address).text) is not of_all
    for caller, is_told in ((member(ours["business"]), not of_all), (Caller(*MEMBERS), True)):
        (sync,) = caller.get("analytics/refresh").json()["syncs"]
        assert sync["execution"] == (run.pk if is_told else None)


def test_an_action_on_rows_of_others_does_nothing(ours: dict[str, Any], theirs: dict[str, Any], login: Login) -> None:
    client = login(*EVERYTHING, of=[ours["business"]])
    chosen = {"action": "delete_selected", "_selected_action": [theirs["account"].pk], "post": "yes"}
    client.post("/admin/social/account/", chosen)
    assert Account.objects.filter(pk=theirs["account"].pk).exists()


# REST


@pytest.mark.parametrize(("method", "address"), REST)
def test_a_door_of_rest_answers_as_if_it_were_not_there(
    method: str, address: str, ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    caller = member(ours["business"], permissions=(*MEMBERS, "scheduling.run_job"))
    before = everything()
    named = {name: row.pk for name, row in theirs.items()}
    refused = caller.send(method, address.format(**named))
    missing = caller.send(method, address.format(**dict.fromkeys(named, 999_999)))
    assert refused.status_code == missing.status_code == 404
    told, other = (answer.json()["detail"] for answer in (refused, missing))
    assert re.sub(r"\b\d+\b", "…", told) == re.sub(r"\b\d+\b", "…", other)
    assert MARK not in refused.text
    assert everything() == before


@pytest.mark.parametrize(("method", "address"), REST)
def test_the_same_door_is_open_to_ones_own(method: str, address: str, ours: dict[str, Any]) -> None:
    caller = member(ours["business"])
    named = {name: row.pk for name, row in ours.items()}
    assert caller.send(method, address.format(**named)).status_code in (200, 201, 204)


@pytest.mark.parametrize("address", REST_LISTS)
def test_a_list_of_rest_has_ones_own_only(address: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    answer = member(ours["business"]).get(address)
    assert answer.status_code == 200
    assert "Ours" in answer.text
    assert "Theirs" not in answer.text


def test_a_member_does_not_sync_all(ours: dict[str, Any], hourly: Job) -> None:
    refused = member(ours["business"], permissions=(*MEMBERS, "scheduling.run_job")).post("scheduler/trigger-sync")
    assert refused.status_code == 403
    assert not Execution.objects.exists()


# Who belongs to what


def test_who_has_lost_the_last_business_sees_nothing(ours: dict[str, Any], login: Login) -> None:
    client = login(*EVERYTHING, of=[])
    assert "Ours" not in client.get("/admin/social/business/").content.decode()
    assert client.get(page("business_change", ours["business"])).status_code == 302


def test_who_is_no_member_sees_all(ours: dict[str, Any], theirs: dict[str, Any], login: Login) -> None:
    shown = login(*EVERYTHING).get("/admin/social/business/").content.decode()
    assert "Ours" in shown
    assert MARK in shown


def test_a_change_of_membership_counts_at_once(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    user = User.objects.create_user("bob", is_staff=True)
    permit(user, *MEMBERS)
    join(user, ours["business"])
    client = Client()
    client.force_login(user)
    assert client.get(page("business_change", theirs["business"])).status_code == 302
    user.social_member.businesses.add(theirs["business"])
    assert client.get(page("business_change", theirs["business"])).status_code == 200


def test_their_job_stays_their_own_after_staff_edited_it(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    job = Job.objects.get(pk=f"sync_business_{theirs['business'].pk}")
    pause(job, by="ada", now=NOON)
    give(theirs["business"], plan(hours=3), by="ada", now=NOON)
    job.refresh_from_db()
    assert job.tenant == theirs["business"].tenant


OTHERWISE: list[dict[str, Any]] = [
    {"tenant": ""},
    {"tenant": "business-999"},
    {"task": ECHO, "arguments": {"value": 1}},
]


@pytest.mark.parametrize("columns", OTHERWISE)
def test_a_job_that_only_has_the_id_is_none_of_theirs(columns: dict[str, Any], ours: dict[str, Any]) -> None:
    business = ours["business"]
    Job.objects.filter(pk=f"sync_business_{business.pk}").update(**columns)
    address = f"scheduler/business/{business.pk}/schedule"
    before = list(Job.objects.values())
    boss, ada = Caller(*MEMBERS), member(business)
    for ask, words in (
        (boss, f"The job sync_business_{business.pk} is used otherwise"),
        (ada, "cannot be changed now"),
    ):
        assert ask.get(address).status_code == 404
        for method in ("POST", "DELETE"):
            refused = ask.send(method, address)
            assert (refused.status_code, refused.json()["type"]) == (409, "urn:rota:used-otherwise")
            assert words in refused.json()["detail"]
    assert "sync_business_" not in refused.json()["detail"]
    assert list(Job.objects.values()) == before
    assert ada.get("analytics/businesses").json()["items"][0]["job_id"] is None
    other = make_execution(Job.objects.get(), task=TASK, tenant="business-999")
    run = ada.send("POST", f"scheduler/trigger-sync?business_id={business.pk}").json()["execution"]
    assert run != other.pk
    assert (Execution.objects.get(pk=run).job_id, Execution.objects.get(pk=run).tenant) == (None, business.tenant)


@pytest.mark.parametrize("name", ["schedule", "unschedule"])
def test_neither_do_their_pages_change_it(name: str, ours: dict[str, Any], login: Login) -> None:
    Job.objects.update(tenant="")
    before = list(Job.objects.values())
    given = {"by": "interval", "hours": "6"}
    shown = login(*MEMBERS, of=[ours["business"]]).post(page(f"business_{name}", ours["business"]), given).text
    assert "cannot be changed now" in shown
    assert "is used otherwise" in login(*MEMBERS).post(page(f"business_{name}", ours["business"]), given).text
    assert list(Job.objects.values()) == before


def test_a_business_goes_without_a_job_that_is_of_others(ours: dict[str, Any]) -> None:
    Job.objects.update(tenant="")
    remove_business(ours["business"], by="ada", now=NOON)
    assert Job.objects.exists()
    assert not Business.objects.exists()


def test_deleting_a_business_frees_nobody_of_its_people() -> None:
    business = make_business()
    user = User.objects.create_user("bob")
    join(user, business)
    business.delete()
    assert list(Member.objects.get(user=user).businesses.all()) == []
