"""Errors as problem details (RFC 9457): what is wrong, in which field, and what to do about it."""

import logging
from collections.abc import Callable, Mapping, Sequence
from http.client import responses
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils.log import log_response
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import Field

from scheduling import exceptions as wrong
from scheduling.redact import plain

logger = logging.getLogger("django.request")

CONTENT_TYPE = "application/problem+json"
ALWAYS = (400, 401, 403, 422, 429, 503)  # what any operation may answer
UNAUTHENTICATED = {"WWW-Authenticate": 'Bearer realm="rota"'}  # RFC 6750, section 3


class FieldError(Schema):
    """One thing that is wrong with a request."""

    field: str = Field(description="Where it stands, as a path into the body or the name of a parameter.")
    detail: str = Field(description="What is wrong with it and what it must be.")


class ProblemSchema(Schema):
    """A problem (RFC 9457)."""

    type: str = Field(examples=["urn:rota:invalid-trigger"])
    title: str = Field(examples=["This trigger can never name a moment."])
    status: int = Field(examples=[422])
    detail: str
    instance: str = Field(description="The address that was asked for.")
    errors: list[FieldError] = Field(default_factory=list)


class Problem(Exception):
    """An answer other than success; raised anywhere below a door of this API."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        kind: str = "",
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.title = title
        self.detail = detail or title
        self.kind = kind
        self.errors = errors
        self.headers = dict(headers or {})


def answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    """`problem` as an HTTP response."""
    body = {
        "type": f"urn:rota:{problem.kind}" if problem.kind else "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": plain(problem.detail),
        "instance": request.path,
        "errors": [{"field": field, "detail": plain(detail)} for field, detail in problem.errors],
    }
    response = JsonResponse(body, status=problem.status, content_type=CONTENT_TYPE, headers=problem.headers)
    if problem.status >= 500:
        on_purpose(request, response)
    return response


def on_purpose(request: HttpRequest, response: HttpResponse) -> None:
    """Keep Django from logging `response` as an error, which mails the admins: it is an answer, and no crash.

    What did crash has been logged as such already.
    """
    if response.status_code == 503:
        log_response(
            "%s: %s", response.reason_phrase, request.path, response=response, request=request, level="warning"
        )
    response._has_been_logged = True  # type: ignore[attr-defined]


def install(api: NinjaAPI) -> None:
    """Make `api` answer every error as a problem."""
    for kind, translate in TRANSLATIONS:
        api.add_exception_handler(kind, _handler(translate))
    api.add_exception_handler(Exception, _unforeseen)


def _handler(translate: Callable[[Any], Problem]) -> Any:
    def handle(request: HttpRequest, error: Exception) -> HttpResponse:
        return answer(request, translate(error))

    return handle


def missing(what: str) -> Problem:
    """There is no such row."""
    return Problem(404, "Not found.", what, kind="not-found")


def refusals(*statuses: int) -> dict[int, type[ProblemSchema]]:
    """For the `response` of an operation: the problems that it may answer, besides those that any may."""
    return dict.fromkeys(sorted({*ALWAYS, *statuses}), ProblemSchema)


def _of_scheduling(error: wrong.SchedulingError) -> Problem:
    kind = type(error)
    title = (kind.__doc__ or "").strip().partition("\n")[0]
    status = STATUSES.get(kind, 409)
    field = error.field if isinstance(error, NAMING_A_FIELD) else FIELDS.get(kind, "")
    errors = [(field, str(error))] if field else []
    return Problem(status, title, str(error), kind=_dashed(kind.__name__), errors=errors)


def _of_validation(error: ValidationError) -> Problem:
    errors = [(_place(each["loc"]), _told(each)) for each in error.errors]
    detail = "; ".join(f"{field}: {told}" for field, told in errors)
    return Problem(422, "The request is not as it must be.", detail, kind="invalid-request", errors=errors)


def _place(loc: Sequence[Any]) -> str:
    """The path to a field without the names that only the server's code knows."""
    source, *path = loc
    if source != "body":  # a parameter, which may be one of a shape, or an item of it
        return next((part for part in reversed(path) if isinstance(part, str)), str(source))
    return ".".join(map(str, path[1:] or path)) or str(source)


def _told(error: Mapping[str, Any]) -> str:
    if error["type"] == "too_long" and error.get("ctx", {}).get("field_type") == "Value":  # a text, checked before
        return f"It must have at most {error['ctx']['max_length']} characters."
    return PLAINER.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")


def _of_http(error: HttpError) -> Problem:
    """What ninja refuses by itself: a body that is no JSON."""
    why = error.__cause__
    detail = f"It must be JSON in UTF-8: {why}" if isinstance(why, ValueError) else str(error)
    return Problem(error.status_code, "The request cannot be read.", detail, kind="bad-request")


def of_status(request: HttpRequest, status: int) -> Problem:
    """What Django refuses by itself, before or instead of an operation."""
    if status == 404:
        return missing(f"There is nothing at {request.path}; see /api/docs.")
    if status == 405:
        detail = f"{request.method} is not for {request.path}; the header Allow has what is."
        return Problem(405, "Not in this way.", detail, kind="method")
    kind = "bad-request" if status < 500 else "failure"
    return Problem(status, responses.get(status, "The request was refused."), kind=kind)


def _unforeseen(request: HttpRequest, error: Any) -> HttpResponse:
    logger.error("Failed: %s", request.path, exc_info=error, extra={"request": request, "status_code": 500})
    detail = "This should not happen; the log of the web server has it. Please report it."
    return answer(request, Problem(500, "The server failed.", detail, kind="failure"))


def _dashed(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("-")


STATUSES: dict[type[wrong.SchedulingError], int] = {
    wrong.InvalidTrigger: 422,
    wrong.InvalidRange: 422,
    wrong.InvalidArguments: 422,
    wrong.InvalidJob: 422,
    wrong.UnknownTask: 422,
    wrong.StaleJob: 412,
    wrong.StaleCalendar: 412,
    wrong.KeyReused: 422,
    wrong.Confined: 403,
}
NAMING_A_FIELD = (wrong.InvalidTrigger, wrong.InvalidRange, wrong.InvalidJob)
FIELDS: dict[type[wrong.SchedulingError], str] = {
    wrong.InvalidArguments: "arguments",
    wrong.UnknownTask: "task",
    wrong.KeyReused: "Idempotency-Key",
}

LOG_IN = "Send a bearer token in the Authorization header, made in the admin or by manage.py tokens create; or log in."
PLAINER = {  # pydantic's kinds of errors, in other words than its own
    "extra_forbidden": "There is no such field here.",
    "missing": "It is needed, and not there.",
}
TOO_BIG = "The body has more than DATA_UPLOAD_MAX_MEMORY_SIZE allows."
BUSY = "The database did not answer; nothing was changed. Try again."
TRANSLATIONS: tuple[tuple[type[Exception], Any], ...] = (
    (Problem, lambda problem: problem),
    (wrong.SchedulingError, _of_scheduling),
    (ValidationError, _of_validation),
    (AuthenticationError, lambda _: Problem(401, "Who is asking?", LOG_IN, kind="login", headers=UNAUTHENTICATED)),
    (HttpError, _of_http),
    (Http404, lambda error: missing(str(error))),
    (RequestDataTooBig, lambda _: Problem(413, "The request is too big.", TOO_BIG, kind="too-big")),
    (SuspiciousOperation, lambda _: Problem(400, "The request cannot be read.", kind="bad-request")),
    (UnreadablePostError, lambda _: Problem(400, "The request cannot be read.", "It ended early.", kind="bad-request")),
    (PermissionDenied, lambda error: Problem(403, "Not allowed.", str(error), kind="forbidden")),
    (
        OperationalError,
        lambda _: Problem(503, "The database is away.", BUSY, kind="busy", headers={"Retry-After": "5"}),
    ),
)
