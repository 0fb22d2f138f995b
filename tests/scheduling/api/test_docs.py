"""The description of the API is complete, true, and for whoever is known only."""

from collections import Counter
from datetime import timedelta
from enum import Enum
from typing import Any, get_args

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from ninja import Schema
from pydantic import BaseModel

from project.api import TAGS, api
from scheduling.api.description import HEADERS, guards
from scheduling.models import Calendar
from tests.factories import ECHO, make_job
from tests.scheduling.api.caller import Caller
from tests.scheduling.api.test_doorkeeper import make_token, person

DOCS, DOCUMENT = "/api/docs", "/api/openapi.json"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
REFERENCE = {"$ref": "#/components/schemas/ProblemSchema"}


def told() -> dict[str, dict[str, Any]]:
    """What the document says of each operation."""
    paths = api.get_openapi_schema()["paths"]
    return {f"{method.upper()} {path}": each for path, methods in paths.items() for method, each in methods.items()}


OPERATIONS = told()


def within(kind: Any, found: set[type]) -> set[type]:
    """The shapes and choices that `kind` is made of, itself included."""
    for part in get_args(kind):
        within(part, found)
    if isinstance(kind, type) and issubclass(kind, BaseModel | Enum) and kind not in found:
        found.add(kind)
        for field in getattr(kind, "model_fields", {}).values():
            within(field.annotation, found)
    return found


def test_no_two_shapes_have_one_name() -> None:
    """Of two, the document would tell only one, for both."""
    known = api.get_openapi_schema()["components"]["schemas"]
    shapes: set[type] = set()
    for kind in [
        *Schema.__subclasses__(),
        *(deep for each in Schema.__subclasses__() for deep in each.__subclasses__()),
    ]:
        within(kind, shapes)
    names = Counter(shape.__name__ for shape in shapes if shape.__name__ in known)
    assert names
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_described(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert len(operation["description"].split("\n\nNeeds")[0]) > 10
    assert operation["tags"]
    assert set(operation["tags"]) <= set(TAGS)
    for place in (*operation["parameters"], *operation.get("requestBody", {}).get("content", {}).values()):
        assert place["schema"], place


@pytest.mark.parametrize("name", OPERATIONS)
def test_its_refusals_are_problems(name: str) -> None:
    refusals = {status: each for status, each in OPERATIONS[name]["responses"].items() if int(status) >= 400}
    assert {401, 403, 429, 503} <= {int(status) for status in refusals}
    for refusal in refusals.values():
        assert refusal["content"] == {"application/problem+json": {"schema": REFERENCE}}


def test_it_says_what_each_needs() -> None:
    for method, address, operation in api.operations():
        guard, said = guards(operation), OPERATIONS[f"{method} {address}"]
        assert guard is not None, f"{method} {address} is open"
        assert said["security"] == [{"token": [guard.scope]}, {"login": []}]
        assert f"the scope `{guard.scope}`" in said["description"]
        assert all(f"`{permission}`" in said["description"] for permission in guard.permissions)


@pytest.mark.parametrize(
    ("status", "method", "path", "body", "sent"),
    [
        (200, "GET", "jobs/{job_id}", None, {}),
        (304, "GET", "jobs/{job_id}", None, {"If_None_Match": "*"}),
        (201, "POST", "jobs", {"id": "new", "task": ECHO, "schedule": {"trigger": "manual"}}, {}),
        (200, "PATCH", "jobs/{job_id}", {"name": "New"}, {}),
        (412, "PATCH", "jobs/{job_id}", {"name": "New"}, {"If_Match": '"older-1"'}),
        (200, "POST", "jobs/{job_id}/pause", {}, {}),
        (200, "POST", "jobs/{job_id}/skip", {}, {}),
        (201, "POST", "jobs/{job_id}/run", {}, {"Idempotency_Key": "new"}),
        (200, "POST", "jobs/{job_id}/run", {}, {"Idempotency_Key": "known"}),
        (200, "GET", "calendars/{calendar_id}", None, {}),
        (201, "POST", "calendars", {"id": "new", "name": "New"}, {}),
        (200, "GET", "executions/{execution_id}/log", None, {"Accept": "text/plain"}),
        (401, "GET", "jobs", None, {"Authorization": ""}),
    ],
)
@pytest.mark.django_db
def test_it_names_the_headers_of_each_answer(
    status: int, method: str, path: str, body: Any, sent: dict[str, str]
) -> None:
    job = make_job(id="nightly", next_run_time=timezone.now() + timedelta(days=1))
    Calendar.objects.create(id="feasts", name="Feasts")
    caller = Caller(superuser=True)
    caller.send("POST", "jobs/nightly/run", {}, Idempotency_Key="known")
    here = path.format(job_id="nightly", calendar_id="feasts", execution_id=job.executions.get().pk)
    answer = caller.send(method, here, body, **sent)
    assert answer.status_code == status, answer.content
    documented = OPERATIONS[f"{method} /api/v1/{path}"]["responses"][status].get("headers", {})
    assert {name for name in HEADERS if name in answer.headers} <= set(documented)
    assert {name for name, header in documented.items() if header["required"]} <= set(answer.headers)


def test_it_names_when_to_come_back() -> None:
    for operation in OPERATIONS.values():
        for status in (429, 503):
            assert operation["responses"][status]["headers"]["Retry-After"]["schema"] == {"type": "integer"}


def test_its_names_are_unique_and_readable() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(names) == len(set(names))
    assert all(name.replace("_", "").isalpha() and "scheduling_api" not in name for name in names)


def test_the_whole_names_server_schemes_and_tags() -> None:
    document = api.get_openapi_schema()
    assert document["openapi"].startswith("3.1")
    assert [server["url"] for server in document["servers"]] == ["/"]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["components"]["securitySchemes"]["login"]["in"] == "cookie"
    assert all(tag["description"] for tag in document["tags"])
    assert {"ProblemSchema", "FieldError"} <= set(document["components"]["schemas"])


@pytest.mark.django_db
def test_a_browser_is_led_to_the_login_and_back(client: Client) -> None:
    answer = client.get(DOCS, headers=BROWSER)
    assert answer["Location"] == "/admin/login/?next=/api/docs"
    User.objects.create_user("ada", password="analytical", is_staff=True)
    back = client.post(answer["Location"], {"username": "ada", "password": "analytical"})
    assert back["Location"] == DOCS
    assert client.get(DOCS, headers=BROWSER).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", [DOCS, DOCUMENT])
def test_a_program_gets_a_401(client: Client, path: str) -> None:
    for headers in ({}, {"Accept": "*/*"}, {**BROWSER, "Authorization": "Bearer rota_old"}):
        assert client.get(path, headers=headers).status_code == 401
    assert client.get(path, headers=make_token(person())[1]).status_code == 200


@pytest.mark.django_db
def test_the_page_asks_nothing_of_elsewhere_and_brings_a_csrf_token(admin_client: Client) -> None:
    page = admin_client.get(DOCS)
    assert "http" not in page.text.replace("http-equiv", "")
    assert page.context["csrf_token"] is not None
    assert "csrftoken" in page.cookies
