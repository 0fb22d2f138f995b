"""OpenTelemetry: a span for each run and for each request of the API, sent where OTEL_EXPORTER_OTLP_ENDPOINT says.

Runs are told by their scheduler once their end is written: so there is a span also of what was killed, and no run
waits for a collector. The standard OTEL_… variables hold: headers, resource attributes, the pace of sending.
"""

import os
import socket
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from django.http import HttpRequest, HttpResponse
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from scheduling.conf import options
from scheduling.models import Execution
from scheduling.observing import Observer
from scheduling.redact import plain
from scheduling.snapshots import Outcome

TOLD = "/api/"  # whose requests have spans


@lru_cache(maxsize=1)
def tracer() -> Tracer:
    """Made when the first span is, so that a process that has none opens no connection."""
    said = {
        "service.name": os.environ.get("OTEL_SERVICE_NAME", "rota"),
        "service.version": options().version,
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        "deployment.environment.name": options().instance,
    }
    provider = TracerProvider(resource=Resource.create(said))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("rota", options().version)


class Spans(Observer):
    """A span for each run, from its start to its end, with what became of it."""

    def ended(self, row: Execution, outcome: Outcome) -> None:
        began = outcome.started_at or row.started_at or outcome.finished_at
        span = tracer().start_span(
            f"run {row.job_id or row.task}",
            context=Context(),
            kind=SpanKind.CONSUMER,
            start_time=_nanoseconds(began),
            attributes={name: value for name, value in _attributes(row, outcome).items() if value not in (None, "")},
        )
        if outcome.is_unwell:
            span.set_status(Status(StatusCode.ERROR, plain(outcome.reason or outcome.error_message)))
        if outcome.error_class:
            said = {"type": outcome.error_class, "message": outcome.error_message, "stacktrace": outcome.traceback}
            told = {f"exception.{name}": value for name, value in said.items()}
            span.add_event("exception", told, timestamp=_nanoseconds(outcome.finished_at))
        span.end(_nanoseconds(outcome.finished_at))


class Requests:
    """A span for each request of the API, within the trace of whoever asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(TOLD):
            return self.get_response(request)
        carrier = {name.lower(): value for name, value in request.headers.items()}
        asked = {"http.request.method": str(request.method), "url.path": request.path}
        asked["rota.request_id"] = getattr(request, "request_id", "")
        with tracer().start_as_current_span(
            f"{request.method}", context=extract(carrier), kind=SpanKind.SERVER, attributes=asked
        ) as span:
            response = self.get_response(request)
            if request.resolver_match:
                route = f"/{request.resolver_match.route}"
                span.update_name(f"{request.method} {route}")
                span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 500:
                span.set_status(Status(StatusCode.ERROR))
            return response


def _attributes(row: Execution, outcome: Outcome) -> dict[str, str | int | float | None]:
    lateness = row.lateness
    return {
        "rota.job": row.job_id,
        "rota.task": row.task,
        "rota.execution": row.pk,
        "rota.attempt": row.attempt,
        "rota.root": row.root_id,
        "rota.queue": row.queue,
        "rota.why": row.why,
        "rota.worker": str(row.worker_id) if row.worker_id else None,
        "rota.outcome": outcome.state,
        "rota.cause": outcome.cause or row.cause,
        "rota.reason": plain(outcome.reason),
        "rota.lateness_seconds": None if lateness is None else lateness.total_seconds(),
    }


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
