"""Idempotency-Key: a run that is asked for twice with one key is queued once; refused where it would not be kept."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Header, Status

from scheduling import store
from scheduling.api.problems import Problem
from scheduling.api.schemas.schedules import refused
from scheduling.models import Execution

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
Key = Annotated[
    str | None,
    Header(
        alias=HEADER,
        max_length=255,
        description="Any text that is new for each new request, such as a UUID. The same request sent again with the "
        "same key within a day gets the run of the first one (200), and queues none; another request gets 422.",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]


def queued(
    request: HttpRequest,
    key: str | None,
    fingerprint: str,
    deed: Callable[[], Execution],
    response: HttpResponse,
    now: datetime,
) -> Status[Execution]:
    """The run that `deed` queues, or has queued for this key and the request of this `fingerprint`. Raises Problem."""
    if key is None:
        return _told(deed(), response)
    outcome = store.once(request.user, _read(key), fingerprint, deed, now=now)
    run = Execution.objects.seen_by(request.user).filter(pk=outcome.execution).first()
    if run is None:
        detail = f"This key has queued run #{outcome.execution}, which is no longer kept."
        raise Problem(410, "The run is no longer kept.", detail, kind="gone")
    return _told(run, response, replayed=outcome.replayed)


def without_key(request: HttpRequest, instead: str) -> None:
    """Refuse a key where the same request, sent twice, does it twice: nobody shall rely on it. Raises Problem."""
    if HEADER in request.headers:
        raise refused(HEADER, f"It is not kept here, and the same request twice does it twice. {instead}")


def _told(run: Execution, response: HttpResponse, *, replayed: bool = False) -> Status[Execution]:
    response["Location"] = reverse("api:execution", args=[run.pk])
    if replayed:
        response[REPLAYED] = "true"
    return Status(200 if replayed else 201, run)


def _read(text: str) -> str:
    """With or without the quotes that the draft of the header asks for. Raises Problem."""
    key = text.strip().removeprefix('"').removesuffix('"')
    if not key:
        raise refused(HEADER, "It is empty; send a text that is new for each new request, such as a UUID.")
    return key
