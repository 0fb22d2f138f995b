"""Upstream: an HTTP server on 127.0.0.1 that stands for outside services, faults on order included."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, unquote, urlsplit

LONGEST_BODY = 50_000_000  # bytes that a request may carry
HOST = "127.0.0.1"
STEP = 0.1  # seconds between two pieces of a body that comes slowly


class Clock:
    """The time as the services see it: the real one, moved on by `advance`."""

    def __init__(self, starts: datetime | None = None) -> None:
        self._ahead = (starts - datetime.now(UTC)) if starts else timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        self._ahead += by


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str  # path and query, as sent
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]  # names in small letters
    body: bytes

    def fields(self) -> dict[str, Any]:
        """The JSON object that was sent; empty if it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    pace: float = 0  # bytes a second in which the body comes; 0: all at once

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> Self:
        """`value` as JSON; header names are written with _ for -."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(status, {"Content-Type": "application/json", **named}, json.dumps(value).encode())


class Service(Protocol):
    """One of the services behind the server."""

    def answers(self, path: str) -> bool: ...

    def reply(self, request: Request) -> Reply: ...


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next `times` requests whose path and query contain `part`."""

    part: str
    times: float
    reply: Reply | None = None  # instead of the service's own
    delay: float = 0  # seconds before the answer
    cut: int | None = None  # bytes of the body after which the connection is closed
    pace: float = 0  # seconds between two bytes
    drop: bool = False  # close without an answer


class Upstream:
    """`with Upstream(service, …) as upstream`: serves at `upstream.url` until the end of the block."""

    def __init__(self, *services: Service, port: int = 0) -> None:
        self.requests: list[Request] = []
        self._services = services
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._server = _Server((HOST, port), _Handler)
        self._server.upstream = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    def fail(
        self,
        part: str,
        status: int = 503,
        times: float = 1,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        """Answer so, instead of asking the service."""
        self._faults.append(Fault(part, times, Reply(status, headers or {}, body)))

    def slow(self, part: str, seconds: float, times: float = 1) -> None:
        """Answer late."""
        self._faults.append(Fault(part, times, delay=seconds))

    def drip(self, part: str, seconds: float, times: float = 1) -> None:
        """Send the body byte by byte, with a pause after each."""
        self._faults.append(Fault(part, times, pace=seconds))

    def truncate(self, part: str, size: int, times: float = 1) -> None:
        """Close the connection after that many bytes of the body."""
        self._faults.append(Fault(part, times, cut=size))

    def drop(self, part: str, times: float = 1) -> None:
        """Close the connection without an answer."""
        self._faults.append(Fault(part, times, drop=True))

    def asked(self, part: str) -> int:
        """How many requests had a path or query that contains `part`."""
        return sum(part in request.target for request in self.requests)

    def answer(self, request: Request) -> tuple[Reply, Fault | None]:
        """The reply, and what shall go wrong while it is sent."""
        with self._lock:
            self.requests.append(request)
            fault = next((fault for fault in self._faults if fault.times > 0 and fault.part in request.target), None)
            if fault:
                fault.times -= 1
            if fault and fault.reply:
                return fault.reply, fault
            service = next((service for service in self._services if service.answers(request.path)), None)
            return (service.reply(request) if service else Reply(404)), fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    upstream: Upstream


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds that an idle connection is kept
    disable_nagle_algorithm = True  # or each body waits 40 ms for the headers to be acknowledged

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        length = min(int(self.headers.get("Content-Length") or 0), LONGEST_BODY)
        request = Request(
            method=self.command,
            target=self.path,
            path=unquote(parts.path),
            params=dict(parse_qsl(parts.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )
        self._send(*self.server.upstream.answer(request))

    def _send(self, reply: Reply, fault: Fault | None) -> None:
        fault = fault or Fault("", 0)
        time.sleep(fault.delay)
        if fault.drop:
            self.close_connection = True
            return
        try:
            self._write(reply, fault)
        except ConnectionError:
            self.close_connection = True  # the client has given up

    def _write(self, reply: Reply, fault: Fault) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        body = reply.body[: fault.cut]
        step, pause = len(body) or 1, 0.0
        if fault.pace:
            step, pause = 1, fault.pace
        elif reply.pace:
            step, pause = max(int(reply.pace * STEP), 1), STEP
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            time.sleep(pause)
        self.close_connection = len(body) < len(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: `Upstream.requests` has them all."""
