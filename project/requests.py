"""Names each request, so that all that is logged meanwhile, here and at whoever asked, can be found together."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse
from django.utils.functional import LazyObject, empty

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"
TAKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")  # a name from outside that may go into logs and headers
LONGEST_PATH = 200  # characters of a path that a line tells
TOLD = "/api/"  # each request below it has a line of its own; pages look for news all the time

_current: ContextVar["HttpRequest | None"] = ContextVar("_current", default=None)


class Requests:
    """Gives each request the id that it came with, or a new one, and its answer the same; tells those of the API."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        request.request_id = given if TAKEN.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        token, began, is_head = _current.set(request), time.monotonic(), request.method == "HEAD"
        try:
            response = self.get_response(request)
            response[HEADER] = request.request_id  # type: ignore[attr-defined]
            if request.path.startswith(TOLD):
                _tell(request, response, round(1000 * (time.monotonic() - began)))
            if is_head and not response.streaming:
                response.content = b""  # views answer as to GET, and gunicorn warns of each body; the length stays
            return response
        finally:
            _current.reset(token)


class RequestFilter(logging.Filter):
    """Lets all pass, and tells the formatters to which request a line belongs."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = _current.get() or _answered(record)
        if request is not None:
            record.request_id = request.request_id  # type: ignore[attr-defined]
            record.method, record.path = request.method, request.path[:LONGEST_PATH]
            record.user = _name_of(getattr(request, "user", None))
        return True


def _answered(record: logging.LogRecord) -> HttpRequest | None:
    """The request that Django tells of, once the answer has passed through all that is in here."""
    request = getattr(record, "request", None)
    return request if isinstance(request, HttpRequest) and hasattr(request, "request_id") else None


def _tell(request: HttpRequest, response: HttpResponse, milliseconds: int) -> None:
    level = logging.WARNING if response.status_code >= 500 else logging.INFO
    logger.log(
        level,
        "%s %s: %d in %d ms",
        request.method,
        request.path[:LONGEST_PATH],
        response.status_code,
        milliseconds,
        extra={"status": response.status_code, "milliseconds": milliseconds},
    )


def _name_of(user: object) -> str | None:
    """Who asks, as far as that is known already: to log a line asks no database."""
    if isinstance(user, LazyObject) and user.__dict__.get("_wrapped", empty) is empty:
        return None
    name = getattr(user, "get_username", str)()
    return name or None
