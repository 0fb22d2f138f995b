"""Nobody passes without a token within its scopes, or a login with CSRF; and every refusal says what to do."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from scheduling import store
from scheduling.models import Token
from tests.factories import make_job

ADDRESS = "/api/v1/scheduler/status"
pytestmark = pytest.mark.django_db


def person(*permissions: str, name: str = "ada") -> User:
    user = User.objects.create_user(name, password="analytical")
    for each in permissions:
        user.user_permissions.add(Permission.objects.get(codename=each))
    return user


def make_token(user: User, *scopes: str, **options: object) -> tuple[Token, dict[str, str]]:
    now = timezone.now()
    token, text = store.create_token(user, scopes or ("read",), by="test", now=now, **options)  # type: ignore[arg-type]
    return token, {"Authorization": f"Bearer {text}"}


def test_a_token_opens_the_door_with_its_users_permissions(client: Client) -> None:
    make_job(id="nightly")
    token, header = make_token(person("view_job", "view_worker"))
    answer = client.get(ADDRESS, headers=header)
    assert answer.status_code == 200
    assert [job["id"] for job in answer.json()["status"]["jobs"]] == ["nightly"]
    token.refresh_from_db()
    assert token.last_used_at is not None and token.last_used_from == "127.0.0.1"


def test_without_any_proof_it_is_a_401_that_says_how_to_get_one(client: Client) -> None:
    answer = client.get(ADDRESS)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert "tokens create" in answer.json()["detail"]


@pytest.mark.parametrize("reason", ["unknown", "revoked", "expired", "inactive"])
def test_a_token_that_does_not_count_says_why(client: Client, reason: str) -> None:
    user = person("view_job", "view_worker")
    token, header = make_token(user)
    match reason:
        case "unknown":
            header = {"Authorization": "Bearer rota_nothing"}
        case "revoked":
            store.revoke_token(token, by="grace", now=timezone.now())
        case "expired":
            Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        case "inactive":
            User.objects.update(is_active=False)
    answer = client.get(ADDRESS, headers=header)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]
    assert {"unknown": "not known", "revoked": "by grace", "expired": "expired", "inactive": "not active"}[
        reason
    ] in answer.json()["detail"]


def test_a_scope_that_is_missing_is_named(client: Client) -> None:
    _, header = make_token(person("view_job", "view_worker"), "run")
    answer = client.get(ADDRESS, headers=header)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:rota:insufficient-scope")
    assert "read" in answer.json()["detail"]


def test_a_permission_that_the_user_lacks_is_named(client: Client) -> None:
    _, header = make_token(person("view_job"))
    answer = client.get(ADDRESS, headers=header)
    assert answer.status_code == 403
    assert "scheduling.view_worker" in answer.json()["detail"]


def test_a_login_does_as_well(client: Client) -> None:
    client.force_login(person("view_job", "view_worker"))
    assert client.get(ADDRESS).status_code == 200


def test_an_unknown_address_is_a_problem_too(client: Client) -> None:
    answer = client.get("/api/v1/nothing")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_the_description_is_not_open(client: Client) -> None:
    assert client.get("/api/openapi.json").status_code == 401
    _, header = make_token(person())
    assert client.get("/api/openapi.json", headers=header).status_code == 200
