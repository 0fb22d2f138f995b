"""A channel that keeps what it is sent, rules, and runs that have ended."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from scheduling.models import Execution, Job, Notice, NoticeRule, State
from scheduling.notices.findings import Learned
from scheduling.notices.look import look
from tests.factories import NOON, make_execution, make_worker

HOUR = timedelta(hours=1)


class Ear:
    """An HTTP server on loopback that keeps what it hears, and answers as told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], bytes]] = []  # path, headers, body
        self.says = ""  # the body of each answer
        self.answers: list[tuple[int, dict[str, str]]] = []  # the next ones; then 204
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers = ear.answers.pop(0) if ear.answers else (204, {})
                ear.heard.append((self.path, dict(self.headers), body))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                said = ear.says.encode()
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                """Not on the console."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.heard]

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.heard]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def ear() -> Iterator[Ear]:
    server = Ear()
    yield server
    server.close()


@pytest.fixture
def scheduling(settings: Any) -> Callable[..., None]:
    """Sets keys of settings.SCHEDULING for the test."""

    def change(**keys: Any) -> None:
        settings.SCHEDULING = {**settings.SCHEDULING, **keys}

    return change


@pytest.fixture
def hook(ear: Ear, scheduling: Callable[..., None]) -> Ear:
    """The channel ops: a web hook on loopback."""
    scheduling(NOTICE_CHANNELS={"ops": f"{ear.url}/hook"}, NOTICE_PRIVATE=True, SITE_URL="https://rota.example")
    return ear


def make_rule(*events: str, **columns: Any) -> NoticeRule:
    """A rule about everything that tells the channel ops, and has done so for a day."""
    plain: dict[str, Any] = {"name": f"Rule {NoticeRule.objects.count() + 1}", "channels": ["ops"]}
    return NoticeRule.objects.create(**{**plain, "events": list(events), "since": NOON - 24 * HOUR, **columns})


def ended(
    job: Job | None, state: State = State.SUCCEEDED, *, at: datetime = NOON, took: float = 1, **columns: Any
) -> Any:
    """A run that ended `at`, after so many seconds."""
    given: dict[str, Any] = {"state": state, "started_at": at - timedelta(seconds=took), "finished_at": at}
    if state == State.FAILED:
        given |= {"error_class": "builtins.ValueError", "error_message": "no luck"}
    return make_execution(job, **{"run_after": given["started_at"], **given, **columns})


def looked(now: datetime = NOON, back: timedelta = HOUR) -> None:
    """One look at what has ended since then; the worker whose loop turns is somebody else's concern."""
    look(now, now - back, Learned())


def running(job: Job | None, *, since: datetime, **columns: Any) -> Execution:
    return make_execution(job, state=State.RUNNING, started_at=since, worker=make_worker(), run_after=since, **columns)


def titles() -> list[str]:
    """Of the messages so far, in their order."""
    return list(Notice.objects.order_by("id").values_list("title", flat=True))
