"""Nobody passes without a token within its scopes, or a login with CSRF; and every refusal says what to do."""

import logging
import secrets
import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from project.logs import JSONFormatter
from scheduling import store
from scheduling.models import Queue, Token
from scheduling.redact import DOTS, redact
from tests.factories import make_job

ADDRESS = "/api/v1/scheduler/status"
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]


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
    assert token.last_used_at is not None
    assert token.last_used_from == "127.0.0.1"


def test_without_any_proof_it_is_a_401_that_says_how_to_get_one(client: Client) -> None:
    answer = client.get(ADDRESS)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json() == {
        "type": "urn:rota:login",
        "title": "Who is asking?",
        "status": 401,
        "detail": "Send a bearer token in the Authorization header, made in the admin or by manage.py tokens create; "
        "or log in.",
        "instance": ADDRESS,
        "errors": [],
    }


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


# What a header may look like


@pytest.mark.parametrize("form", ["bearer {}", "BEARER {}", "Bearer  {} "])
def test_the_word_before_a_token_may_be_written_as_one_likes(client: Client, form: str) -> None:
    _, header = make_token(person("view_job", "view_worker"))
    text = header["Authorization"].removeprefix("Bearer ")
    assert client.get(ADDRESS, headers={"Authorization": form.format(text)}).status_code == 200


@pytest.mark.parametrize(
    "text", ["", "Bearer", "Bearer ", "Bearer \xff\xfe", f"Bearer rota_{'x' * 60_000}", "Basic YTpi"]
)
def test_a_strange_header_is_a_401(client: Client, text: str) -> None:
    answer = client.get(ADDRESS, headers={"Authorization": text})
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


def test_a_login_counts_though_a_proxy_asks_for_a_password_of_its_own(client: Client) -> None:
    client.force_login(person("view_job", "view_worker"))
    assert client.get(ADDRESS, headers={"Authorization": "Basic YTpi"}).status_code == 200


def test_a_token_that_does_not_count_is_not_saved_by_a_login(client: Client) -> None:
    client.force_login(person("view_job", "view_worker"))
    assert client.get(ADDRESS, headers={"Authorization": "Bearer rota_old"}).status_code == 401


def test_whether_a_token_is_unknown_or_only_nearly_right_takes_the_same_queries(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    _, header = make_token(person("view_job"))
    for wrong in (header["Authorization"][:-1], "Bearer rota_", "Bearer x"):
        with django_assert_num_queries(1):
            assert client.get(ADDRESS, headers={"Authorization": wrong}).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "Token", "Basic"])
@pytest.mark.parametrize("known", [True, False])
def test_no_log_has_the_text_of_a_token(
    client: Client, caplog: pytest.LogCaptureFixture, settings: Settings, scheme: str, known: bool
) -> None:
    settings.DEBUG = True  # ninja would tell more then
    _, header = make_token(person())
    text = header["Authorization"].removeprefix("Bearer ")
    with caplog.at_level(logging.DEBUG):
        client.get(ADDRESS, headers={"Authorization": f"{scheme} {text if known else text[::-1]}"})
    shown = [JSONFormatter().format(record) + str(record.__dict__.get("request", "")) for record in caplog.records]
    assert text[6:] not in "".join(shown)
    assert text[::-1][:30] not in "".join(shown)


def test_the_shape_of_a_token_is_known_to_be_a_secret() -> None:
    text = f"rota_{secrets.token_urlsafe(32)}"
    assert redact(f"called with {text}, and failed") == f"called with {DOTS}, and failed"
    assert redact("rota_zone and rota_wake_up") == "rota_zone and rota_wake_up"


# A login, and what may be forged


@pytest.fixture
def queue() -> str:
    store.ensure_queues()
    return "/api/v1/queues/default/pause"


def browser(*permissions: str) -> Client:
    found = Client(enforce_csrf_checks=True)
    found.force_login(person(*permissions))
    return found


def test_a_login_alone_changes_nothing(queue: str) -> None:
    answer = browser("view_queue", "pause_queue").post(queue, {}, "application/json")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:rota:csrf")
    assert "X-CSRFToken" in answer.json()["detail"]
    assert Queue.objects.get(pk="default").paused_at is None


def test_a_login_with_its_csrf_token_does(queue: str) -> None:
    visitor = browser("view_queue", "pause_queue")
    visitor.get("/admin/login/")
    said = {"X-CSRFToken": visitor.cookies["csrftoken"].value}
    assert visitor.post(queue, {}, "application/json", headers=said).status_code == 200
    assert Queue.objects.get(pk="default").paused_by == "ada"
    assert visitor.post(queue, {}, "application/json", headers={"X-CSRFToken": "x" * 32}).status_code == 403


def test_a_token_needs_no_csrf_token(queue: str) -> None:
    _, header = make_token(person("view_queue", "pause_queue"), "run")
    stranger = Client(enforce_csrf_checks=True)
    assert stranger.post(queue, {}, "application/json", headers=header).status_code == 200


# Where a request comes from


@pytest.mark.parametrize(
    ("forwarded", "proxy", "told"),
    [
        ("203.0.113.9", False, "127.0.0.1"),  # anybody can say so
        ("203.0.113.9", True, "203.0.113.9"),
        ("10.6.6.6, 203.0.113.9", True, "203.0.113.9"),  # the first is the client's own word
        ("203.0.113.9, fe80::1%eth0", True, "fe80::1"),
        ("nonsense", True, "127.0.0.1"),
        ("", True, "127.0.0.1"),
    ],
)
def test_the_proxy_says_where_a_request_comes_from(
    client: Client, settings: Settings, forwarded: str, proxy: bool, told: str
) -> None:
    settings.SCHEDULING = {**settings.SCHEDULING, "BEHIND_PROXY": proxy}
    token, header = make_token(person("view_job", "view_worker"))
    assert client.get(ADDRESS, headers={**header, "X-Forwarded-For": forwarded}).status_code == 200
    token.refresh_from_db()
    assert token.last_used_from == told


def test_a_socket_without_an_address_is_no_error(client: Client) -> None:
    token, header = make_token(person("view_job", "view_worker"))
    assert client.get(ADDRESS, headers=header, REMOTE_ADDR="").status_code == 200
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert token.last_used_from is None


# The note of the last use


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", [ADDRESS, "/metrics", "/health/scheduler"])
def test_whoever_reads_waits_for_nobody_who_writes(client: Client, address: str) -> None:
    token, header = make_token(person("view_job", "view_worker", "view_execution"))
    holding, answered, in_time = threading.Event(), threading.Event(), []

    def hold() -> None:
        with transaction.atomic():  # on SQLite the lock of all that write
            Token.objects.select_for_update().get(pk=token.pk)
            holding.set()
            in_time.append(answered.wait(15))
        connection.close()

    writer = threading.Thread(target=hold)
    writer.start()
    assert holding.wait(15)
    answer = client.get(address, headers=header)
    answered.set()
    writer.join()
    assert answer.status_code == 200 or address == "/health/scheduler"  # where no scheduler lives
    assert answer["Content-Type"] != "application/problem+json"
    assert in_time == [True]
    token.refresh_from_db()
    assert token.last_used_at is None
    client.get(address, headers=header)
    token.refresh_from_db()
    assert token.last_used_at is not None  # the next request makes the note


def test_the_patience_of_the_database_is_as_before() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("others have no such setting")
    with connection.cursor() as cursor:
        before = cursor.execute("PRAGMA busy_timeout").fetchone()
        store.use_token(make_token(person())[0], now=timezone.now(), address=None)
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == before
        assert before[0] > 0


# Who acted, in the record


def test_the_record_tells_through_which_token_somebody_acted(client: Client) -> None:
    job = make_job(id="nightly")
    user = person("view_job", "pause_job", name="a" * 150)
    token, header = make_token(user, "run")
    client.post("/api/v1/jobs/nightly/pause", {}, content_type="application/json", headers=header)
    job.refresh_from_db()
    assert job.paused_by.endswith(f"a ({token.hint}…)")
    assert len(job.paused_by) == 150
    client.force_login(user)
    client.post("/api/v1/jobs/nightly/pause", {"reason": "Longer."}, content_type="application/json")
    job.refresh_from_db()
    assert job.paused_by == user.username
