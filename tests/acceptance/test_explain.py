"""`manage.py explain` as an operator uses it, after a scheduler was down when a moment came."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from scheduling import store
from scheduling.models import Cause, Execution, State
from tests.acceptance.rota import ROOT, Rota


def explain(rota: Rota, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", "explain", *arguments]
    return subprocess.run(command, cwd=ROOT, env=rota.environment, capture_output=True, text=True, check=False)


def answers(rota: Rota, *arguments: str) -> dict[str, Any]:
    done = explain(rota, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def missed_while_down(rota: Rota, **columns: Any) -> datetime:
    """A moment that came while no scheduler ran, and was noticed by one that started after it."""
    moment = timezone.now() + timedelta(seconds=1)
    rota.job("echo", trigger="date", run_at=moment, **columns)
    rota.until(lambda: timezone.now() > moment + timedelta(seconds=6))
    rota.start()
    rota.until(lambda: Execution.objects.filter(job="job", scheduled_for=moment).exists())
    return moment


def test_a_moment_without_a_scheduler_was_missed_from_then_to_then(rota: Rota) -> None:
    rota.stop(rota.start())
    moment = missed_while_down(rota, misfire_grace_time=timedelta())
    run = Execution.objects.get(job="job")
    assert (run.state, run.cause) == (State.SKIPPED, Cause.MISSED)
    answer = answers(rota, "job", "--at", moment.isoformat())["answer"]
    assert (answer["verdict"], answer["severity"], answer["executions"]) == ("Missed", "bad", [run.pk])
    assert "no scheduler was running from" in answer["sentences"][0]
    assert answer["moment"] == moment.isoformat()


def test_a_moment_noticed_within_its_grace_ran_late(rota: Rota) -> None:
    rota.stop(rota.start())
    moment = missed_while_down(rota, misfire_grace_time=timedelta(minutes=5))
    rota.ended(Execution.objects.get(job="job"))
    answer = answers(rota, "job", "--at", moment.isoformat())["answer"]
    assert (answer["verdict"][:4], answer["verdict"][-5:], answer["severity"]) == ("Ran ", " late", "notable")
    assert "no scheduler was running from" in " ".join(answer["sentences"])
    assert "went by until the moment was noticed" in " ".join(answer["sentences"])


def test_before_and_while_a_scheduler_runs(rota: Rota) -> None:
    rota.job("echo", trigger="cron", cron="0 2 * * *", timezone="Europe/Berlin")
    assert answers(rota, "job")["outlook"]["verdict"] == "No scheduler is running"
    rota.start()
    assert answers(rota, "job")["outlook"]["verdict"].startswith("Next run: ")


def test_a_pipe_gets_plain_sentences(rota: Rota) -> None:
    rota.job("echo", trigger="cron", cron="0 2 * * *")
    done = explain(rota, "job", "--at", "02:00")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert lines[0] == "job"
    assert "The job did not exist yet" in lines


def test_what_cannot_be_answered_ends_with_2_and_says_what_to_write(rota: Rota) -> None:
    job = rota.job("echo", id="nightly")
    unknown = explain(rota, "nigthly")
    assert (unknown.returncode, "Did you mean nightly?" in unknown.stderr) == (2, True)
    untold = explain(rota, "nightly", "--at", "soon")
    assert (untold.returncode, "yesterday 02:00" in untold.stderr) == (2, True)
    store.delete(job, by="ada", now=timezone.now(), reason="Not needed")
    gone = explain(rota, "nightly")
    assert gone.returncode == 2
    assert "The job nightly was deleted by ada at" in gone.stderr
    assert "Not needed" in gone.stderr
