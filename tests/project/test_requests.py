"""A request has a name that its answer, its log lines and whoever asked all know, and that nobody can forge."""

import json
import logging
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils.functional import SimpleLazyObject

from project.logs import JSONFormatter, TextFormatter
from project.requests import RequestFilter, Requests

logger = logging.getLogger("tests.requests")


class Lines(logging.Handler):
    """What the console would show, as JSON and as text."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(RequestFilter())
        self.json: list[dict[str, object]] = []
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.json.append(json.loads(JSONFormatter().format(record)))
        self.text.append(TextFormatter().format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def ask(path: str = "/api/v1/jobs", user: object = None, status: int = 200, id: str = "") -> HttpResponse:
    """The answer of a page that logs a line."""
    request: HttpRequest = RequestFactory().get(path, headers={"X-Request-ID": id} if id else {})
    if user is not None:
        request.user = user  # type: ignore[assignment]

    def page(_: HttpRequest) -> HttpResponse:
        logger.warning("on the way")
        return HttpResponse(status=status)

    return Requests(page)(request)


def test_an_id_from_outside_goes_through_to_the_answer_and_the_lines(lines: Lines) -> None:
    assert ask(id="abc-1.2_Z")["X-Request-ID"] == "abc-1.2_Z"
    assert lines.json[0]["request_id"] == "abc-1.2_Z"
    assert lines.text[0].endswith("[- - - abc-1.2_Z] on the way")


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\u00e9", "<script>", "a;b", '"'])
def test_an_id_that_could_do_harm_is_replaced(lines: Lines, given: str) -> None:
    answered = ask(id=given)["X-Request-ID"]
    assert answered != given
    assert len(answered) == 32
    assert lines.json[0]["request_id"] == answered


def test_two_requests_have_two_names() -> None:
    assert ask()["X-Request-ID"] != ask()["X-Request-ID"]


def test_a_request_of_the_api_has_a_line_that_tells_how_it_ended(lines: Lines) -> None:
    ask("/api/v1/jobs?token=hidden", user=User(username="ada"))
    told = lines.json[-1]
    assert {name: told[name] for name in ("method", "path", "status", "user", "level")} == {
        "method": "GET",
        "path": "/api/v1/jobs",
        "status": 200,
        "user": "ada",
        "level": "INFO",
    }
    assert isinstance(told["milliseconds"], int)
    assert "hidden" not in str(told)


def test_a_failure_of_the_server_is_a_warning(lines: Lines) -> None:
    ask(status=503)
    assert lines.json[-1]["level"] == "WARNING"


def test_a_page_of_the_admin_has_no_line_of_its_own(lines: Lines) -> None:
    ask("/admin/")
    assert [line["message"] for line in lines.json] == ["on the way"]


def test_outside_of_a_request_nothing_is_told_of_one(lines: Lines) -> None:
    ask()
    logger.warning("afterwards")
    assert not {"request_id", "user", "method", "path"} & lines.json[-1].keys()


def test_whoever_is_not_known_yet_is_not_asked_for(lines: Lines) -> None:
    def look_up() -> User:
        raise AssertionError("a line must not ask the database")

    ask(user=SimpleLazyObject(look_up))
    assert "user" not in lines.json[0]


def test_whoever_has_been_looked_up_is_named_and_nobody_is_nobody(lines: Lines) -> None:
    known = SimpleLazyObject(lambda: User(username="grace"))
    str(known)
    ask(user=known)
    assert lines.json[0]["user"] == "grace"
    ask(user=AnonymousUser())
    assert "user" not in lines.json[-1]


def test_what_django_says_of_an_answer_belongs_to_its_request_too(client: Client, lines: Lines) -> None:
    client.get("/nowhere", headers={"X-Request-ID": "lost-1"})
    (told,) = lines.json
    assert told["logger"] == "django.request"
    assert (told["request_id"], told["method"], told["path"]) == ("lost-1", "GET", "/nowhere")


def test_a_request_that_never_got_a_name_is_left_alone(lines: Lines) -> None:
    for request in (RequestFactory().get("/x"), object()):
        logger.warning("refused", extra={"request": request})
        assert "request_id" not in lines.json[-1]


@pytest.mark.parametrize("path", ["/health", "/metrics", "/nowhere", "/api/openapi.json"])
@pytest.mark.django_db
def test_head_has_the_length_of_get_and_no_body(path: str) -> None:
    """Asked as gunicorn asks: Django's test client takes bodies away by itself."""
    length, body = served("GET", path)
    assert length == str(len(body))
    assert served("HEAD", path) == (length, b"")


def served(method: str, path: str) -> tuple[str, bytes]:
    """The Content-Length that a web server is told, and the body that it is given."""
    told: list[str] = []

    def start(_: str, headers: list[tuple[str, str]], *__: object) -> Callable[[bytes], object]:
        told.append(dict(headers)["Content-Length"])
        return bytes

    body = b"".join(get_wsgi_application()(RequestFactory().generic(method, path).environ, start))
    return told[0], body


def test_every_address_answers_with_an_id(client: Client) -> None:
    assert client.get("/health", headers={"X-Request-ID": "probe-7"})["X-Request-ID"] == "probe-7"
