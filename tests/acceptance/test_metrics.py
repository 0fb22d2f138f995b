"""Figures and logs of real schedulers: what the ledger says, whoever died meanwhile, and each line with its run."""

import json
import os
import signal
from collections import Counter
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from scheduling import store
from scheduling.models import FINAL, Cause, Execution, State, Worker
from tests.acceptance.rota import Rota

Counts = Counter[tuple[str, str]]


@pytest.fixture(autouse=True)
def _open(settings: Settings) -> None:
    settings.METRICS_OPEN = True


def scrape(client: Client, name: str) -> list[Any]:
    """The samples of that name, as Prometheus gets them."""
    families = text_string_to_metric_families(client.get("/metrics").content.decode())
    return [sample for family in families for sample in family.samples if sample.name == name]


def told(client: Client) -> Counts:
    """Runs by job and state, as the metrics tell."""
    found: Counts = Counter()
    for sample in scrape(client, "rota_runs_total"):
        found[sample.labels["job"], sample.labels["state"]] += int(sample.value)
    return found


def ledger() -> Counts:
    """The same, as the rows tell."""
    found: Counts = Counter()
    tried = set(Execution.objects.exclude(root=None).values_list("root_id", "attempt"))
    for run in Execution.objects.filter(state__in=FINAL):
        interrupted = run.state == State.LOST and run.cause == Cause.INTERRUPTED
        retried = (run.root_id or run.pk, run.attempt + 1) in tried
        found[run.job_id or "", "interrupted" if interrupted else "retried" if retried else run.state] += (
            1 + run.missed_count
        )
    return found


def observed(client: Client, what: str) -> float:
    """How often the histogram was told something."""
    return sum(float(sample.value) for sample in scrape(client, f"rota_run_{what}_seconds_count"))


def test_the_figures_are_those_of_the_ledger_over_deaths_and_restarts(rota: Rota, client: Client) -> None:
    before = ledger()  # of jobs that were paused before any scheduler was there to count
    spans = {"HEARTBEAT": "0.3", "STALE_AFTER": "2", "STOP_GRACE": "0"}

    def settled() -> bool:
        return told(client) == ledger() - before

    first = rota.start(**spans)
    rota.ended(rota.ask("echo"))
    rota.ended(rota.ask("fail", queue="light"))
    held = rota.ask("sleep", arguments={"seconds": 60})
    rota.until(lambda: rota.state(held) == State.RUNNING)
    rota.until(lambda: sum(told(client).values()) == 2)
    rota.until(lambda: observed(client, "lateness") == 3)
    assert settled()
    rota.stop(first, signal.SIGKILL)

    second = rota.start(**spans)
    rota.ended(held)
    rota.until(settled)
    assert told(client)["sleep", State.LOST] == 1

    later = rota.ask("echo", id="later")
    rota.ended(later)
    waiting = store.enqueue(
        rota.job("echo", id="never"), now=timezone.now(), run_after=timezone.now().replace(year=2090)
    )
    assert store.cancel(waiting, by="ada", now=timezone.now()) == State.CANCELLED
    torn = rota.ask("sleep", id="torn", arguments={"seconds": 60})
    rota.until(lambda: rota.state(torn) == State.RUNNING)
    rota.stop(second)
    rota.until(settled)  # nobody lives any more: all was handed over before the end
    assert told(client)["torn", "interrupted"] == 1
    assert told(client)["never", State.CANCELLED] == 1
    assert observed(client, "duration") == 4
    assert observed(client, "lateness") == 5


def test_a_scheduler_at_work_shows_its_loop(rota: Rota, client: Client) -> None:
    rota.start(HEARTBEAT="0.3", QUEUES="default=processes:3, light=threads:2")
    (alive,) = [sample.value for sample in scrape(client, "rota_workers") if sample.labels["state"] == "alive"]
    assert alive == 1
    slots = {sample.labels["queue"]: sample.value for sample in scrape(client, "rota_queue_slots")}
    assert slots == {"default": 3, "light": 2}
    rota.ended(rota.ask("echo"))
    rota.until(lambda: scrape(client, "rota_loop_turn_seconds_count")[0].value > 0)
    assert scrape(client, "rota_loop_last_turn_seconds")[0].value < 60


@pytest.mark.parametrize("queue", ["default", "light"])
def test_each_line_of_a_run_names_job_run_and_worker(rota: Rota, queue: str) -> None:
    process = rota.start(LOG_FORMAT="json", QUEUES="default=processes:1, light=threads:1")
    run = rota.ended(rota.ask("says_everywhere", queue=queue, arguments={"secret": "hunter22"}))
    assert rota.stop(process) == os.EX_OK
    lines = [json.loads(line) for line in rota.log.read_text().splitlines() if line.startswith("{")]
    worker = str(Worker.objects.get().pk)
    messages = {line["message"].split()[0]: line for line in lines if line["execution"] == run.pk}
    assert {"Started", "by", "in", "of", "Succeeded"} <= messages.keys()
    for line in messages.values():
        assert (line["job"], line["worker"]) == ("says_everywhere", worker)
    assert messages["of"]["traceback"].splitlines()[-1].startswith("ValueError: password=")
    assert "hunter22" not in rota.log.read_text()
    loop = [line for line in lines if line["logger"].startswith("scheduling") and ".commands." not in line["logger"]]
    assert {line["worker"] for line in loop} == {worker}
