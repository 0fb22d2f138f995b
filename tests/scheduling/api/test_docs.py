"""The description of the API is complete, true, and for whoever is known only."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from project.api import TAGS, api
from scheduling.api.description import guards
from tests.scheduling.api.test_doorkeeper import make_token, person

DOCS, DOCUMENT = "/api/docs", "/api/openapi.json"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
REFERENCE = {"$ref": "#/components/schemas/ProblemSchema"}


def told() -> dict[str, dict[str, Any]]:
    """What the document says of each operation."""
    paths = api.get_openapi_schema()["paths"]
    return {f"{method.upper()} {path}": each for path, methods in paths.items() for method, each in methods.items()}


OPERATIONS = told()


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
