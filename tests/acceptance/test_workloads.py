"""Two workloads as their users meet them: real schedulers at work with the outside services, and killed half-way."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from scheduling import store
from scheduling.models import OPEN, Execution, Job, State
from tasks.classifieds.models import Delivery, DeliveryState, Listing, Match, Rule
from tasks.demo.discord import Discord
from tasks.demo.headfi import HeadFi
from tasks.demo.messages import Messages
from tasks.demo.upstream import Clock, Upstream
from tasks.demo.zendesk import Zendesk
from tasks.models import Status, TaskRecord
from tasks.tickets.models import Analysis, Cluster, Issue, Ticket
from tasks.tickets.stages import DAILY, STAGES
from tests.acceptance.rota import Rota

LONG = 90.0  # seconds; a machine that is busy with others
SCAN = "scrape_headfi"


@pytest.fixture
def discord() -> Discord:
    return Discord(Clock(), limit=1000)


@pytest.fixture
def services(discord: Discord) -> Iterator[Upstream]:
    clock = Clock()
    with Upstream(HeadFi(clock, per_category=20), discord, Zendesk(clock), Messages(clock)) as upstream:
        yield upstream


@pytest.fixture
def at_work(rota: Rota, services: Upstream) -> Rota:
    """An installation whose settings lead to the services."""
    rota.environment |= {
        **{"HEADFI_URL": services.url, "CONTACT": "ops@example.org", "RATE_LIMIT_DELAY_SECONDS": "0.1"},
        **{"DISCORD_WEBHOOK_URL": f"{services.url}/api/webhooks/1/secret-of-the-hook"},
        **{"ZENDESK_URL": services.url, "ZENDESK_SUBDOMAIN": "demo", "ZENDESK_RATE": "100000"},
        **{"ZENDESK_EMAIL": "demo@localhost", "ZENDESK_API_TOKEN": "demo"},
        **{"ANTHROPIC_BASE_URL": services.url, "ANTHROPIC_API_KEY": "demo", "MESSAGE_BATCHES_FROM": "0"},
    }
    assert rota.run("syncjobs") == 0
    for job in Job.objects.filter(paused_at=None):
        store.pause(job, by="test", now=timezone.now())
    return rota


def rest(runs: Rota) -> bool:
    """Whether nothing waits or goes on."""
    return not Execution.objects.filter(state__in=OPEN).exists()


def test_a_scan_that_is_killed_goes_on_and_tells_each_match_once(
    at_work: Rota, services: Upstream, discord: Discord
) -> None:
    Rule.objects.create(name="Priced", expression="price > 0", channels=["discord"])
    store.enqueue(Job.objects.get(pk=SCAN), now=timezone.now(), by="test")
    first = at_work.start()
    at_work.until(lambda: Listing.objects.count() >= 60, LONG)
    first.kill()
    first.wait()
    known = Listing.objects.count()
    assert known < 200
    at_work.start()
    at_work.until(lambda: rest(at_work), LONG)

    assert Execution.objects.filter(job=SCAN).order_by("-id")[0].state == State.SUCCEEDED
    assert Listing.objects.count() >= 200
    assert not Listing.objects.exclude(to_match="").exists()
    told = Counter(embed["url"] for message in discord.messages for embed in message.embeds)
    matched = Match.objects.filter(occasion="new").count()
    assert matched == len(told)
    assert set(told.values()) == {1}
    assert not Delivery.objects.exclude(state=DeliveryState.SENT).exists()
    fetched = Counter(r.target for r in services.requests if r.path.startswith("/classifieds/categories/"))
    assert sum(times - 1 for times in fetched.values()) <= 2  # the page at which it was killed
    assert "secret-of-the-hook" not in at_work.log.read_text()


def test_the_pipeline_is_started_over_rest_once_and_survives_a_kill(
    at_work: Rota, services: Upstream, live_server: LiveServer
) -> None:
    caller = Caller()
    first = at_work.start()
    started = caller.post("pipeline", {"backfill_days": 30, "batch_size": 100})
    assert started.status_code == 200
    assert caller.post("sync", {"backfill_days": 7}).status_code == 400
    at_work.until(lambda: Ticket.objects.filter(analysis=Analysis.DONE).count() > 20, LONG)
    assert caller.status()["status"] == "running"
    assert caller.status()["stage"] == "analyze"
    first.kill()
    first.wait()
    at_work.start()
    at_work.until(lambda: caller.status()["status"] in {"completed", "failed"}, LONG)

    status = caller.status()
    assert (status["status"], status["message"]) == ("completed", "")
    assert [(stage["name"], stage["status"]) for stage in status["stages"]] == [(name, "completed") for name in STAGES]
    assert Ticket.objects.filter(analysis=Analysis.DONE).count() >= 100
    assert Issue.objects.exists()
    assert Cluster.objects.exists()
    asked = Counter(ticket_asked_about(request.body) for request in services.requests if request.path == "/v1/messages")
    assert sum(times - 1 for times in asked.values()) <= 1  # the ticket at which it was killed
    interrupted = TaskRecord.objects.filter(label="analyze", status=Status.INTERRUPTED)
    assert interrupted.count() == 1
    assert "demo@localhost/token" not in at_work.log.read_text()


@pytest.mark.sqlite_only
def test_the_pipeline_is_cancelled_over_rest(at_work: Rota, services: Upstream, live_server: LiveServer) -> None:
    caller = Caller()
    services.slow("/api/v2/incremental", 20)
    at_work.start()
    assert caller.post("sync", {}).status_code == 200
    at_work.until(lambda: caller.status()["stage"] == "sync")
    assert caller.post("cancel", {"reason": "Not now"}).status_code == 200
    at_work.until(lambda: rest(at_work), 5)
    run = Execution.objects.get(job=DAILY)
    assert run.state == State.CANCELLED
    assert run.cancel_requested_by.startswith("boss (rota_")
    assert caller.post("sync", {}).status_code == 200


class Caller:
    """A superuser of REST."""

    def __init__(self) -> None:
        boss = User.objects.create_superuser("boss")
        _, token = store.create_token(boss, ["read", "run"], by="test", now=timezone.now())
        self.headers = {"Authorization": f"Bearer {token}"}
        self.client = Client()

    def post(self, verb: str, body: dict[str, Any]) -> Any:
        address = f"/api/tasks/{verb}"
        return self.client.post(address, json.dumps(body), content_type="application/json", headers=self.headers)

    def status(self) -> Any:
        return self.client.get("/api/tasks/worker/status", headers=self.headers).json()


def ticket_asked_about(body: bytes) -> str:
    """The number of the ticket in a request to the model."""
    text = str(json.loads(body)["messages"])
    return text.partition('id=\\"')[2].partition('\\"')[0] or text.partition('id="')[2].partition('"')[0]
