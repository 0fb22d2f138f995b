"""Who may do what, through which door: one table, in which every door of REST and of the admin has a line.

The command line needs none: whoever has the shell has the database. /health is open, and says nothing.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, reverse
from django.utils import timezone

from project.api import api
from scheduling import store
from scheduling.models import (
    Backfill,
    Calendar,
    Incident,
    Notice,
    NoticeRule,
    Queue,
    Scope,
    State,
)
from tasks.models import TaskRecord
from tests import doors
from tests.doors import READ, RUN, WRITE, Verb, look
from tests.factories import ECHO, NOON, make_execution, make_job, make_worker

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

V1 = "/api/v1"
JOB, RUNS, QUEUE = f"{V1}/jobs/{{job_id}}", f"{V1}/executions", f"{V1}/queues/{{name}}"
CALENDAR = f"{V1}/calendars/{{calendar_id}}"
SEE_JOB, SEE_RUN = "scheduling.view_job", "scheduling.view_execution"
VERBS = (
    # Jobs
    look(
        "job",
        *(f"GET {V1}/jobs", f"GET {JOB}", f"GET {JOB}/preview", f"GET {JOB}/changes"),
        *(f"GET {V1}/tasks", f"POST {V1}/triggers/preview", f"GET {V1}/scheduler/jobs"),
    ),
    Verb(READ, (SEE_JOB, SEE_RUN), (f"GET {JOB}/explain",), ("scheduling_job_why",)),
    Verb(
        WRITE,
        (SEE_JOB, "scheduling.add_job"),
        (f"POST {V1}/jobs",),
        ("scheduling_job_add", "scheduling_job_duplicate", "scheduling_job_preview", "scheduling_job_task_help"),
    ),
    Verb(
        WRITE,
        (SEE_JOB, "scheduling.change_job"),
        (f"PATCH {JOB}", f"POST {JOB}/recompute", f"POST {JOB}/back-to-code"),
        ("scheduling_job_recompute", "scheduling_job_to_code"),
    ),
    Verb(WRITE, (SEE_JOB, "scheduling.delete_job"), (f"DELETE {JOB}",), ("scheduling_job_delete",)),
    Verb(RUN, (SEE_JOB, "scheduling.run_job"), (f"POST {JOB}/run",), ("scheduling_job_run",)),
    Verb(
        RUN,
        (SEE_JOB, "scheduling.pause_job"),
        tuple(f"POST {JOB}/{deed}" for deed in ("pause", "snooze", "resume", "skip")),
        tuple(f"scheduling_job_{deed}" for deed in ("pause", "resume", "skip")),
    ),
    # Runs
    look(
        "execution",
        *(f"GET {RUNS}", f"GET {RUNS}/{{execution_id}}", f"GET {RUNS}/{{execution_id}}/log"),
        extra=("scheduling_execution_live",),
    ),
    Verb(READ, (SEE_RUN, SEE_JOB), (f"GET {RUNS}/{{execution_id}}/explain",)),
    Verb(
        RUN,
        (SEE_RUN, "scheduling.cancel_execution"),
        (f"POST {RUNS}/{{execution_id}}/cancel",),
        ("scheduling_execution_cancel",),
    ),
    Verb(
        RUN,
        (SEE_RUN, "scheduling.run_job"),
        (f"POST {RUNS}/{{execution_id}}/retry",),
        ("scheduling_execution_again",),
    ),
    look("taskrecord", f"GET {V1}/records", f"GET {V1}/records/{{record_id}}", app="tasks"),
    # Backfills
    look("backfill", f"GET {V1}/backfills", f"GET {V1}/backfills/{{backfill_id}}"),
    Verb(
        RUN,
        (SEE_JOB, "scheduling.run_job", "scheduling.add_backfill"),
        (f"POST {V1}/backfills",),
        ("scheduling_job_backfill",),
    ),
    Verb(
        RUN,
        ("scheduling.view_backfill", "scheduling.stop_backfill"),
        (f"POST {V1}/backfills/{{backfill_id}}/stop",),
        ("scheduling_backfill_stop",),
    ),
    # Queues, workers, calendars
    look("queue", f"GET {V1}/queues", f"GET {QUEUE}"),
    Verb(
        RUN,
        ("scheduling.view_queue", "scheduling.pause_queue"),
        (f"POST {QUEUE}/pause", f"POST {QUEUE}/resume"),
        ("scheduling_queue_pause", "scheduling_queue_resume"),
    ),
    look("worker", f"GET {V1}/workers", f"GET {V1}/workers/{{worker_id}}", "GET /health/scheduler"),
    Verb(
        READ,
        (SEE_JOB, "scheduling.view_worker"),
        (f"GET {V1}/scheduler/status", "GET /api/tasks/scheduler/status"),
    ),
    Verb(READ, (SEE_JOB, SEE_RUN, "scheduling.view_worker"), ("GET /metrics",)),
    look("calendar", f"GET {V1}/calendars", f"GET {CALENDAR}", f"GET {CALENDAR}/ahead"),
    Verb(
        WRITE,
        ("scheduling.view_calendar", "scheduling.add_calendar"),
        (f"POST {V1}/calendars",),
        ("scheduling_calendar_add", "scheduling_calendar_preview"),
    ),
    Verb(WRITE, ("scheduling.view_calendar", "scheduling.change_calendar"), (f"PUT {CALENDAR}",)),
    Verb(
        WRITE,
        ("scheduling.view_calendar", "scheduling.delete_calendar"),
        (f"DELETE {CALENDAR}",),
        ("scheduling_calendar_delete",),
    ),
    # Notices
    look("noticerule"),
    Verb(WRITE, ("scheduling.add_noticerule",), (), ("scheduling_noticerule_add", "scheduling_noticerule_preview")),
    Verb(WRITE, ("scheduling.view_noticerule", "scheduling.delete_noticerule"), (), ("scheduling_noticerule_delete",)),
    Verb(RUN, ("scheduling.view_noticerule", "scheduling.test_noticerule"), (), ("scheduling_noticerule_test",)),
    look("incident"),
    Verb(
        RUN,
        ("scheduling.view_incident", "scheduling.steer_incident"),
        (),
        ("scheduling_incident_acknowledge", "scheduling_incident_mute"),
    ),
    look("notice"),
    Verb(RUN, ("scheduling.view_notice", "scheduling.resend_notice"), (), ("scheduling_notice_send_again",)),
    # Tokens, of which everybody has his own
    look("token"),
    Verb(WRITE, ("scheduling.add_token",), (), ("scheduling_token_add",)),
    Verb(WRITE, ("scheduling.view_token", "scheduling.change_token"), (), ("scheduling_token_revoke",)),
    *doors.VERBS,
    # The description of the API: whoever is known
    Verb(READ, (), ("GET /api/docs", "GET /api/openapi.json")),
)
NOBODYS = {  # of history and of what only the code makes
    *(
        f"scheduling_{model}_{verb}"
        for model in ("execution", "backfill", "queue", "worker", "incident", "notice")
        for verb in ("add", "delete")
    ),
    "scheduling_token_delete",
    *doors.NOBODYS,
}
DJANGOS = {  # of Django and django-unfold themselves: who logs in and out, and pages made of what one may see
    *("index", "login", "logout", "password_change", "password_change_done", "autocomplete", "jsi18n"),
    *("view_on_site", "app_list", "search"),
}
WITHOUT_FILE = {"watch_history_title_poster", "audiobooks_book_cover"}  # let in, one finds that there is no picture
REST = [(verb, *door.split(" ")) for verb in VERBS for door in verb.rest]
PAGES = [(verb, name) for verb in VERBS for name in verb.admin]


@pytest.fixture
def there() -> Callable[[User], dict[str, Any]]:
    """Makes rows of every kind; a token is that of the user who comes."""
    store.ensure_queues()
    job = make_job(id="nightly", code_definition={"priority": 9}, paused_at=None)
    run = make_execution(job, state=State.FAILED, scheduled_for=NOON, started_at=NOON, finished_at=NOON)
    rule = NoticeRule.objects.create(name="All", events=["failed"])
    incident = Incident.objects.create(rule=rule, event="failed", subject="job:nightly", opened_at=NOON, last_at=NOON)
    rows = {
        **{"job": job, "execution": run, "queue": Queue.objects.get(pk="default"), "worker": make_worker()},
        "backfill": Backfill.objects.create(job=job, first_at=NOON, last_at=NOON),
        "calendar": Calendar.objects.create(id="feasts", name="Feasts", country="DE"),
        "taskrecord": TaskRecord.objects.create(task_name=ECHO, execution=run),
        **{"noticerule": rule, "incident": incident},
        **doors.rows(),
        "notice": Notice.objects.create(
            channel="mail", incident=incident, title="x", text="x", created_at=NOON, due_at=NOON
        ),
    }

    return lambda user: {**{name: row.pk for name, row in rows.items()}, "token": token_of(user)}


def token_of(user: User) -> int:
    return store.create_token(user, ["read"], by="test", now=timezone.now())[0].pk


def person(*permissions: str, name: str = "ada") -> User:
    user = User.objects.create_user(name, is_staff=True)
    for each in permissions:
        app, codename = each.split(".")
        user.user_permissions.add(Permission.objects.get(codename=codename, content_type__app_label=app))
    return user


def addressed(address: str, rows: dict[str, Any]) -> str:
    """An address of REST about a row that is there."""
    named = {f"{name}_id": pk for name, pk in rows.items()}
    return address.format(**named, name=rows["queue"], record_id=rows["taskrecord"])


def ask(method: str, address: str, user: User, scopes: tuple[str, ...] = tuple(Scope)) -> Any:
    _, text = store.create_token(user, scopes, by="test", now=timezone.now())
    headers = {"Authorization": f"Bearer {text}"}
    return Client().generic(method, address, "{}", content_type="application/json", headers=headers)


def names(patterns: Any) -> Iterator[str]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from names(each.url_patterns)
        elif isinstance(each, URLPattern) and each.name:
            yield each.name


def visit(name: str, address: str, browser: Client) -> Any:
    return browser.post(address) if name in doors.POSTS else browser.get(address)


def page(name: str, rows: dict[str, Any]) -> Callable[[Client], Any]:
    """Asks for a page of the admin about a row that is there."""
    models = [each for each in rows if f"_{each}_" in f"{name}_"]
    pk = rows[min(models, key=name.index, default="watcher")]
    for given in ({}, {"object_id": pk}, {"name": pk}, {"pk": pk}):
        try:
            address = reverse(f"admin:{name}", kwargs=given)
        except NoReverseMatch:
            continue
        return partial(visit, name, address)
    raise AssertionError(f"no address of {name}")


# The table is whole


def test_every_operation_of_rest_has_a_line() -> None:
    listed = [f"{method} {address}" for _, method, address in REST]
    assert {f"{method} {address}" for method, address, _ in api.operations()} <= set(listed)
    assert len(listed) == len(set(listed))


def test_every_page_of_the_admin_has_a_line() -> None:
    listed = [name for _, name in PAGES]
    found = {name for name in names(admin.site.urls[0]) if not name.startswith("auth_")}  # Django's own pages of users
    assert found == set(listed) | NOBODYS | DJANGOS
    assert len(listed) == len(set(listed))


# The doors of REST


@pytest.mark.parametrize(("verb", "method", "address"), REST, ids=lambda part: part if isinstance(part, str) else "")
def test_a_door_of_rest_opens_to_its_permissions_and_scope_only(
    verb: Verb, method: str, address: str, there: Callable[[User], dict[str, Any]]
) -> None:
    able = person(*verb.permissions)
    here = addressed(address, there(able))
    assert Client().generic(method, here).status_code == 401
    for lacking in verb.permissions:
        unable = person(*(set(verb.permissions) - {lacking}), name=f"without-{lacking}")
        refused = ask(method, here, unable)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:rota:forbidden")
        assert lacking in refused.json()["detail"]
    others = tuple(scope for scope in Scope if scope != verb.scope)
    refused = ask(method, here, able, others)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:rota:insufficient-scope")
    assert f'scope="{verb.scope}"' in refused["WWW-Authenticate"]
    assert ask(method, here, able, (verb.scope,)).status_code not in (401, 403, 404, 405)


@pytest.mark.parametrize(("verb", "method", "address"), REST, ids=lambda part: part if isinstance(part, str) else "")
def test_a_login_has_no_more_rights_than_a_token(
    verb: Verb, method: str, address: str, there: Callable[[User], dict[str, Any]], client: Client
) -> None:
    here = addressed(address, there(person(name="somebody")))
    for lacking in verb.permissions:
        client.force_login(person(*(set(verb.permissions) - {lacking}), name=f"without-{lacking}"))
        assert client.generic(method, here, "{}", content_type="application/json").status_code == 403
    client.force_login(person(*verb.permissions))
    answer = client.generic(method, here, "{}", content_type="application/json")
    assert answer.status_code not in (401, 403, 404, 405)


def test_only_health_is_open(client: Client) -> None:
    assert client.get("/health").json() == {"status": "ok"}


# The doors of the admin


@pytest.mark.parametrize(("verb", "name"), PAGES, ids=lambda part: part if isinstance(part, str) else "")
def test_a_page_of_the_admin_opens_to_its_permissions_only(
    verb: Verb, name: str, there: Callable[[User], dict[str, Any]], client: Client
) -> None:
    able, unable = person(*verb.permissions), person(*verb.permissions[:-1], name="unable")
    rows = there(able)
    open_page = page(name, rows)
    assert open_page(client)["Location"].startswith("/admin/login/")
    client.force_login(unable)
    assert page(name, {**rows, "token": token_of(unable)})(client).status_code == 403
    client.force_login(able)
    answer = open_page(client)
    assert answer.status_code in (200, 302, 404 if name in WITHOUT_FILE else 200)
    assert not answer.get("Location", "").startswith("/admin/login/")


@pytest.mark.parametrize("name", sorted(NOBODYS))
def test_what_is_nobodys_is_not_a_superusers_either(
    name: str, there: Callable[[User], dict[str, Any]], admin_client: Client, admin_user: User
) -> None:
    assert page(name, there(admin_user))(admin_client).status_code == 403
