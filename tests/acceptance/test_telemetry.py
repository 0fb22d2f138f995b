"""Sentry and OpenTelemetry as their servers see them: what fails, a span for each run, and no secret."""

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from scheduling.models import Execution
from tests.acceptance.rota import ROOT, Rota

pytestmark = pytest.mark.sqlite_only

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Receiver(ThreadingHTTPServer):
    """Takes envelopes as Sentry does, and spans as an OTLP collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Post)
        self.bodies: list[tuple[str, bytes]] = []

    @property
    def settings(self) -> dict[str, str]:
        address = f"127.0.0.1:{self.server_port}"
        return {
            "SENTRY_DSN": f"http://key@{address}/1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{address}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }

    def events(self) -> list[dict[str, Any]]:
        found = []
        for path, body in list(self.bodies):
            parts = [json.loads(line) for line in body.splitlines() if line] if path.endswith("/envelope/") else []
            found += [part for kind, part in pairwise(parts) if kind.get("type") == "event"]
        return found

    def spans(self) -> list[Span]:
        sent = [ExportTraceServiceRequest.FromString(body) for path, body in list(self.bodies) if path == "/v1/traces"]
        return [
            span
            for each in sent
            for resource in each.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def resources(self) -> dict[str, str]:
        first = next(body for path, body in self.bodies if path == "/v1/traces")
        return told(ExportTraceServiceRequest.FromString(first).resource_spans[0].resource)


class Post(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.bodies.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def told(what: Any) -> dict[str, Any]:
    """The attributes of a span or a resource."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in what.attributes}


def python(rota: Rota, code: str, **settings: str) -> str:
    """What a process with these settings prints."""
    environment = {**rota.environment, **settings}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_runs_are_told_with_their_outcome_and_failures_with_their_stack(rota: Rota, receiver: Receiver) -> None:
    rota.start(**receiver.settings, QUEUES="default=processes:2, light=threads:2", INSTANCE="default")
    well = rota.ask("echo")
    failed = rota.ask("fail", arguments={"message": "password=hunter22"})
    threaded = rota.ask("fail", id="threaded", queue="light")
    killed = rota.ask("crash")
    late = rota.ask("hang_in_c", timeout=timedelta(seconds=0.5))
    runs = {run.pk: rota.ended(run) for run in (well, failed, threaded, killed, late)}

    rota.until(lambda: len(receiver.spans()) >= 5)
    spans = {told(span)["rota.execution"]: span for span in receiver.spans()}
    assert {pk: told(span)["rota.outcome"] for pk, span in spans.items()} == {pk: run.state for pk, run in runs.items()}
    _check_span(spans[well.pk], runs[well.pk], bad=False)
    _check_span(spans[failed.pk], runs[failed.pk], bad=True)
    assert told(spans[failed.pk].events[0])["exception.type"] == "builtins.ValueError"
    assert receiver.resources()["service.name"] == "rota"

    rota.until(lambda: len(receiver.events()) >= 4)
    events = {event["tags"]["job"]: event for event in receiver.events()}
    assert set(events) == {"fail", "threaded", "crash", "hang_in_c"}
    assert events["fail"]["exception"]["values"][0]["type"] == "ValueError"
    assert events["fail"]["exception"]["values"][0]["stacktrace"]["frames"][-1]["function"] == "fail"
    assert "SIGKILL" in events["crash"]["message"]
    for run in (failed, killed):
        tags = events[str(run.job_id)]["tags"]
        assert (tags["execution"], tags["task"]) == (str(run.pk), run.task)
    assert {event["release"] for event in events.values()} == {"0.1.0"}
    assert b"hunter22" not in b"".join(body for _, body in receiver.bodies)


def _check_span(span: Span, run: Execution, *, bad: bool) -> None:
    assert span.name == f"run {run.job_id}"
    assert span.status.code == (Status.STATUS_CODE_ERROR if bad else Status.STATUS_CODE_UNSET)
    assert run.duration is not None
    seconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    assert abs(seconds - run.duration.total_seconds()) < 0.001
    said = told(span)
    assert (said["rota.job"], said["rota.queue"], said["rota.attempt"]) == (run.job_id, run.queue, 1)
    assert said["rota.worker"] == str(run.worker_id)


def test_a_request_of_the_api_is_a_span_in_the_trace_of_who_asks(rota: Rota, receiver: Receiver) -> None:
    ask = f"""
import django
django.setup()
from django.test import Client
asked = {{"traceparent": "00-{TRACE}-{PARENT}-01", "X-Request-ID": "from-afar", "Host": "localhost"}}
print(Client().get("/api/v1/executions/7?token=hunter22", headers=asked).status_code)
Client().get("/health")
"""
    python(rota, ask, **receiver.settings)
    (span,) = receiver.spans()
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    said = told(span)
    assert said["http.response.status_code"] == 401
    assert said["rota.request_id"] == "from-afar"
    assert said["url.path"] == "/api/v1/executions/7"
    assert span.name == f"GET {said['http.route']}" != "GET /api/v1/executions/7"
    assert b"hunter22" not in receiver.bodies[0][1]


def test_a_logged_error_names_its_run_and_keeps_its_secrets(rota: Rota, receiver: Receiver) -> None:
    log = """
import django, logging
django.setup()
logging.getLogger("tasks").error("api_key=hunter22 is wrong", extra={"job": "films", "execution": 7, "worker": None})
"""
    python(rota, log, **receiver.settings)
    (event,) = receiver.events()
    assert event["tags"] == {"job": "films", "execution": "7"}
    assert "api_key=" in json.dumps(event)
    assert "hunter22" not in json.dumps(event)


def test_a_receiver_that_is_not_there_disturbs_no_run(rota: Rota) -> None:
    nowhere = {"SENTRY_DSN": "http://key@127.0.0.1:9/1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    process = rota.start(**nowhere)
    assert rota.ended(rota.ask("echo")).state == "succeeded"
    assert rota.ended(rota.ask("fail")).state == "failed"
    assert rota.stop(process) == 0


def test_what_is_off_is_not_even_loaded(rota: Rota) -> None:
    look = """
import django, sys
django.setup()
import scheduling.loop, scheduling.perform
from django.test import Client
Client().get("/health")
print([name for name in sys.modules if name.startswith(("sentry_sdk", "opentelemetry", "project.telemetry"))])
"""
    assert python(rota, look) == "[]\n"
