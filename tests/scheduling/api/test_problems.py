"""Every refusal under /api/ is a problem (RFC 9457) that says what is wrong; methods behave as HTTP has them."""

import pytest
from django.db import OperationalError
from django.test import Client

from scheduling import store
from scheduling.models import Job
from tests.factories import make_job
from tests.scheduling.api.caller import Caller, wrong_fields
from tests.scheduling.api.test_doorkeeper import ADDRESS, make_token, person

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]
PAUSE = "/api/v1/queues/default/pause"


@pytest.fixture
def header() -> dict[str, str]:
    store.ensure_queues()
    return make_token(person("view_job", "view_worker", "view_queue", "pause_queue"), "read", "run")[1]


@pytest.mark.parametrize("path", ["/api/", "/api/v1", "/api/v1/nothing", "/api/v1/scheduler/status/x", "/api/\x00"])
def test_what_is_no_address_is_a_404(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["instance"] == path
    assert "/api/docs" in answer.json()["detail"]


def test_a_wrong_method_is_told_the_right_ones(client: Client, header: dict[str, str]) -> None:
    answer = client.delete(ADDRESS, headers=header)
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
    assert answer["Allow"] == "GET, HEAD, OPTIONS"
    assert client.get(PAUSE, headers=header)["Allow"] == "OPTIONS, POST"


def test_options_tells_the_methods(client: Client) -> None:
    answer = client.options(ADDRESS)
    assert (answer.status_code, answer["Allow"], answer.content) == (204, "GET, HEAD, OPTIONS", b"")


def test_head_is_get_without_a_body(client: Client, header: dict[str, str]) -> None:
    answer = client.head(ADDRESS, headers=header)
    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "application/json; charset=utf-8", b"")
    assert client.head(ADDRESS).status_code == 401
    assert client.head(PAUSE, headers=header).status_code == 405


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "Expecting property name"),
        (b"\xff", "utf-8"),
        ('{"reason": NaN}', "NaN is no number of JSON."),
        ('{"reason": 1e999}', "1e999 is too big."),
        ("[" * 100_000, "parse"),
        (f'{{"reason": {"9" * 5000}}}', "digits"),
        ('{"reason": "a\\u0000b"}', "no database keeps: reason"),
        ('{"reason": {"deep": ["\\ud800"]}}', "no database keeps: reason.deep[0]"),
    ],
)
def test_a_body_that_is_no_json_is_a_400_that_says_why(
    client: Client, header: dict[str, str], body: str | bytes, said: str
) -> None:
    answer = client.generic("POST", PAUSE, body, "application/json", headers=header)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert said in answer.json()["detail"]


def test_a_body_that_is_too_big_is_a_413(client: Client, header: dict[str, str]) -> None:
    answer = client.generic("POST", PAUSE, '{"reason": "%s"}' % ("x" * 3_000_000), "application/json", headers=header)
    assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"raeson": "x"}, "raeson", "no such field"),
        ({"reason": 5}, "reason", "string"),
        ({"reason": "x" * 501}, "reason", "500"),
        ({"until": "tomorrow"}, "until", "datetime"),
    ],
)
def test_a_wrong_field_is_named(
    client: Client, header: dict[str, str], body: dict[str, object], field: str, said: str
) -> None:
    answer = client.post(PAUSE, body, "application/json", headers=header)
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert said in error["detail"]


def test_a_wrong_parameter_is_named(client: Client) -> None:
    _, header = make_token(person("view_execution"))
    answer = client.get("/api/v1/executions?limit=0", headers=header)
    assert [error["field"] for error in answer.json()["errors"]] == ["limit"]


def test_a_host_that_is_not_ours_is_a_problem_as_well(client: Client) -> None:
    answer = client.get(ADDRESS, headers={"host": "evil.example"})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert "evil" not in answer.text


def test_a_database_that_is_away_is_a_503_and_no_error(
    client: Client, header: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("could not connect to server at 10.0.0.7")

    monkeypatch.setattr(store, "pause_queue", away)
    answer = client.post(PAUSE, {}, "application/json", headers=header)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "10.0.0.7" not in answer.text
    assert [(each.name, each.levelname) for each in caplog.records] == [
        ("django.request", "WARNING"),
        ("project.requests", "WARNING"),
    ]


def test_a_failure_tells_nothing_but_that_the_log_has_it(
    client: Client, header: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(store, "pause_queue", broken)
    answer = client.post(PAUSE, {}, "application/json", headers=header)
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert "secret detail" not in answer.text
    assert "secret detail" in caplog.text
    assert [each.levelname for each in caplog.records].count("ERROR") == 1, "one mail to the admins"


def test_answers_stay_out_of_shared_caches(client: Client, header: dict[str, str]) -> None:
    answer = client.get(ADDRESS, headers=header)
    assert answer["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Cookie"} <= {each.strip() for each in answer["Vary"].split(",")}


@pytest.mark.parametrize(
    ("method", "address", "wrong", "meant"),
    [
        ("GET", "jobs/nightly/preview", "cout", "did you mean count"),
        ("GET", "jobs/nightly/explain", "att", "did you mean at"),
        ("GET", "executions/1/log", "aftr", "did you mean after"),
        ("GET", "executions", "stat", "did you mean state"),
        ("GET", "scheduler/status", "verbose", "there is none"),
        ("POST", "jobs/nightly/pause", "until", "there is none"),
        ("DELETE", "jobs/nightly", "why", "there are: reason"),
    ],
)
def test_a_parameter_that_is_not_known_is_refused_with_what_was_meant(
    method: str, address: str, wrong: str, meant: str
) -> None:
    make_job(id="nightly")
    answer = Caller(superuser=True).send(method, f"{address}?{wrong}=3", {} if method == "POST" else None)
    assert wrong_fields(answer) == [wrong]
    assert meant in answer.json()["detail"]
    assert Job.objects.filter(pk="nightly", paused_at=None).exists()


def test_nobody_unknown_learns_of_parameters(client: Client) -> None:
    assert client.get("/api/v1/jobs?stat=3").status_code == 401
