"""People of a business at every door: what is not theirs is not there, and what they may not do is closed.

The doors are those of `test_permissions_of_every_door`; one that is new is asked here, too. What such a person can have
as a permission must lead to own rows only.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from scheduling import store
from scheduling.models import Change, Execution, Job, Scope
from scheduling.tenants import is_open
from tasks.models import TaskRecord
from tasks.social.models import Account, Business, Post, Sync
from tests.tenants import HOUSE, OTHERS, OWN, TASKS, member, rows_of
from tests.test_permissions_of_every_door import PAGES, VERBS, page
from tests.test_permissions_of_every_door import there as every_row  # noqa: F401

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

MARKS = (OTHERS, HOUSE, f"workload.tasks.{TASKS[OTHERS]}", f"workload.tasks.{TASKS[HOUSE]}")
NOWHERE = {"job": "anymark-job"}  # of other kinds, a number
NOBODY = 987_654_321
HOUSES = {  # which their permissions alone would open, but which are about what belongs to the installation
    *(f"POST /api/tasks/{deed}" for deed in ("sync", "analyze", "pipeline", "cancel")),
    "GET /api/tasks/worker/status",
}
KINDS = {"record": "taskrecord"}  # where addresses have another name
Rows = dict[str, Any]


class Installation:
    """Rows of all owners, and one of the people of the first."""

    def __init__(self) -> None:
        store.ensure_queues()
        self.own, self.others, self.house = rows_of(OWN), rows_of(OTHERS), rows_of(HOUSE)
        self.user: User = member(self.own["business"])
        _, text = store.create_token(self.user, tuple(Scope), by="test", now=timezone.now())
        self.headers = {"Authorization": f"Bearer {text}"}

    def rest(self, door: str, rows: Rows | None = None) -> Any:
        """What a program is told at a door such as "GET /api/v1/jobs/{job_id}", about a row of `rows` or of none."""
        method, address = door.split(" ")
        here = re.sub(r"\{\w+\}", row_in(address, rows or {}), address)
        return Client().generic(method, here, "{}", content_type="application/json", headers=self.headers)

    def browser(self) -> Client:
        browser = Client()
        browser.force_login(self.user)
        return browser

    def foreign(self) -> list[tuple[str, int]]:
        """What there is of others: all columns of all rows, and how many there are."""
        kinds: list[type[Model]] = [Job, Execution, TaskRecord, Business, Account, Post, Sync, Change]
        mine = {f"{kind._meta.label} {row.pk}" for row in self.own.values() for kind in [type(row)]}
        return sorted(
            (f"{kind._meta.label} {row}", 1)
            for kind in kinds
            for row in kind._default_manager.values_list()
            if f"{kind._meta.label} {row[0]}" not in mine and OWN not in str(row) and self.tenant not in str(row)
        )

    @property
    def tenant(self) -> str:
        return str(self.own["business"].tenant)


@pytest.fixture
def there() -> Installation:
    return Installation()


def is_theirs(permissions: tuple[str, ...]) -> bool:
    return all(map(is_open, permissions))


def row_in(address: str, rows: Rows) -> str:
    """The id of that of `rows` which `address` names; one of no row, where they have none."""
    found = re.search(r"\{(\w+)\}", address)
    kind = found[1].removesuffix("_id") if found else ""
    row = rows.get(KINDS.get(kind, kind))
    return str(row.pk if row else NOWHERE.get(kind, NOBODY))


def leaks(text: str) -> list[str]:
    return [mark for mark in MARKS if mark in text]


OPEN = [door for verb in VERBS for door in verb.rest if is_theirs(verb.permissions)]
CLOSED = [door for verb in VERBS for door in verb.rest if not is_theirs(verb.permissions)]
THEIRS = [door for door in OPEN if door not in HOUSES]


# REST


@pytest.mark.parametrize("door", [*CLOSED, *sorted(HOUSES)])
def test_a_door_that_does_not_look_at_tenants_is_closed(door: str, there: Installation) -> None:
    refused = there.rest(door, there.own)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:rota:forbidden")


@pytest.mark.parametrize("door", [door for door in THEIRS if "{" in door])
def test_a_row_of_others_is_to_rest_as_one_that_is_not_there(door: str, there: Installation) -> None:
    before = there.foreign()
    none = there.rest(door)
    for rows in (there.others, there.house):
        answer = there.rest(door, rows)
        assert answer.status_code == none.status_code
        assert _told(answer, row_in(door, rows)) == _told(none, row_in(door, {}))
    assert there.foreign() == before
    assert there.rest(door, there.own).status_code not in (401, 403, 404, 405)


def _told(answer: Any, row: str) -> dict[str, Any]:
    """What a refusal says, but for the name of the row that was asked for."""
    said = {name: value for name, value in answer.json().items() if name != "instance"}
    return {**said, "detail": re.sub(rf"\b{re.escape(row)}\b", "it", said["detail"])}


@pytest.mark.parametrize("door", [door for door in THEIRS if "{" not in door])
def test_a_list_of_rest_has_own_rows_only(door: str, there: Installation) -> None:
    before = there.foreign()
    answer = there.rest(door)
    assert answer.status_code in (200, 201, 400, 403, 409, 422)  # 403: what would be done to all at once
    assert leaks(answer.content.decode()) == []
    assert there.foreign() == before


def test_lists_of_rest_do_have_own_rows(there: Installation) -> None:
    for address in ("jobs", "executions", "scheduler/jobs", "records"):
        assert OWN in there.rest(f"GET /api/v1/{address}").content.decode()


@pytest.mark.parametrize("parts", ["jobs?search={}", "executions?job={}-job", "records?job={}-job"])
def test_no_filter_of_rest_leads_to_rows_of_others(parts: str, there: Installation) -> None:
    assert there.rest(f"GET /api/v1/{parts.format(OWN)}").json()["items"]
    for mark in (OTHERS, HOUSE):
        assert there.rest(f"GET /api/v1/{parts.format(mark)}").json()["items"] == []
    for tenant in (there.others["business"].tenant, ""):
        for rows in ("jobs", "executions"):
            assert there.rest(f"GET /api/v1/{rows}?tenant={tenant}").json()["items"] == []


# The admin

HOUSE_PAGES = {"social_business_sync_all"}  # of the installation, though their permissions would open them
THEIR_PAGES = [name for verb, name in PAGES if is_theirs(verb.permissions) and name not in HOUSE_PAGES]
FORMS = {"scheduling_job_preview", "scheduling_job_task_help"}  # parts of a form, for who may change one, too
CLOSED_PAGES = [name for _, name in PAGES if name not in THEIR_PAGES]


def page_of(name: str, rows: Rows) -> str | None:
    """The address of a page about the row of `rows` that it is for; about none, where there is no such row."""
    kinds = [kind for kind in (*there_are(), "token") if f"_{kind}_" in f"{name}_"]
    kind = min(kinds, key=name.index, default="")
    pk = rows[kind].pk if kind in rows else NOWHERE.get(kind, NOBODY)
    for given in ("object_id", "name", "pk"):
        try:
            return reverse(f"admin:{name}", kwargs={given: pk})
        except NoReverseMatch:
            continue
    return None


def there_are() -> tuple[str, ...]:
    return ("job", "execution", "taskrecord", "business", "account", "post", "sync")


def looks(name: str, rows: Rows, there: Installation) -> list[tuple[int, str]]:
    """What a browser is told about the page of a row, by GET and by POST: the status, and where it is led."""
    browser, address = there.browser(), page_of(name, rows)
    assert address is not None
    answers = [browser.get(address), browser.post(address), browser.post(address, {"post": "yes", "arguments": "{}"})]
    return [(each.status_code, each.headers.get("Location", "")) for each in answers]


@pytest.mark.parametrize("name", [name for name in CLOSED_PAGES if name not in FORMS])
def test_a_page_that_does_not_look_at_tenants_is_closed(
    name: str,
    every_row: Callable[[User], Rows],  # noqa: F811
    there: Installation,
) -> None:
    assert page(name, every_row(there.user))(there.browser()).status_code == 403


@pytest.mark.parametrize("task", [TASKS[OTHERS], TASKS[HOUSE]])
def test_the_form_of_a_job_tells_nothing_of_tasks_that_are_not_ones_own(task: str, there: Installation) -> None:
    address = reverse("admin:scheduling_job_task_help")
    own, other, none = (
        there.browser().get(address, {"task": f"tests.workload.tasks.{name}"}).content
        for name in (TASKS[OWN], task, "nothing")
    )
    assert other == none != own


@pytest.mark.parametrize("name", [name for name in THEIR_PAGES if page_of(name, {})])
def test_a_row_of_others_is_to_the_admin_as_one_that_is_not_there(name: str, there: Installation) -> None:
    before = there.foreign()
    none = looks(name, {}, there)
    assert looks(name, there.others, there) == none
    assert looks(name, there.house, there) == none
    assert there.foreign() == before
    assert {status for status, _ in none} <= {302, 403, 404, 405}


@pytest.mark.parametrize("name", [name for name in THEIR_PAGES if not page_of(name, {})])
def test_a_page_of_many_rows_has_own_ones_only(name: str, there: Installation) -> None:
    before = there.foreign()
    address = reverse(f"admin:{name}")
    for answer in (there.browser().get(address), there.browser().post(address)):
        assert answer.status_code in (200, 302, 400, 405)
        assert leaks(answer.content.decode()) == []
    assert there.foreign() == before


@pytest.mark.parametrize("name", [name for name in THEIR_PAGES if page_of(name, {}) and "token" not in name])
def test_the_page_of_an_own_row_tells_nothing_of_others(name: str, there: Installation) -> None:
    answer = there.browser().get(page_of(name, there.own) or "")
    assert answer.status_code in (200, 302, 405)
    assert leaks(answer.content.decode()) == []


@pytest.mark.parametrize(
    "address",
    [
        "/admin/",
        "/admin/scheduling/",
        *(f"/admin/search/?s={word}" for word in (OTHERS, HOUSE, "mark")),
        *(
            f"/admin/autocomplete/?app_label=scheduling&model_name=execution&field_name=job&term={word}"
            for word in ("", OTHERS, HOUSE)
        ),
        *(f"/admin/scheduling/{kind}/?q={{mark}}" for kind in ("job", "execution")),
        "/admin/scheduling/execution/?job__id__exact={mark}-job",
        "/admin/scheduling/job/?tag={mark}-tag",
        "/admin/tasks/taskrecord/?q={mark}",
    ],
)
def test_neither_dashboard_nor_search_nor_filter_tells_of_others(address: str, there: Installation) -> None:
    for mark in (OTHERS, HOUSE):
        asked = address.format(mark=mark)
        told = there.browser().get(asked).content.decode()
        for word in (f"{mark} ", f"{mark}-name", f"{mark}.Error"):  # of rows; what was asked for, the page repeats
            assert f"{word}" not in told


def test_the_dashboard_shows_what_is_ones_own(there: Installation) -> None:
    told = there.browser().get("/admin/").content.decode()
    assert OWN in told
    assert leaks(told) == []


def test_an_action_on_rows_of_others_does_nothing(there: Installation) -> None:
    before = there.foreign()
    chosen = [there.others["job"].pk, there.house["job"].pk]
    for name in ("run_selected", "pause_selected", "resume_selected", "delete_selected"):
        given = {"action": name, "_selected_action": chosen, "sure": "yes", "post": "yes"}
        assert there.browser().post("/admin/scheduling/job/", given).status_code in (200, 302)
    assert there.foreign() == before


def test_who_has_lost_the_last_business_sees_nothing(there: Installation) -> None:
    there.user.social_member.businesses.clear()
    assert there.rest("GET /api/v1/jobs").json()["items"] == []
    assert there.rest("GET /api/v1/executions").json()["items"] == []
    assert OWN not in there.browser().get("/admin/").content.decode()
