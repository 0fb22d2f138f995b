"""A short campaign of faults, and a death at each of the steps that decide; script/chaos does more of both."""

import json
import signal
import subprocess
import sys

import pytest
from django.utils import timezone

from scheduling.models import OPEN, Execution, Job, State
from tests.acceptance.rota import PATIENCE, ROOT, Rota
from tests.chaos import effects, ledger
from tests.chaos.campaign import Campaign, Plan
from tests.chaos.checker import begins, proofs

LOST_AT = {  # how many runs the ledger calls lost after a death at that step
    "fire.before_commit": 0,
    "fire.after_commit": 0,
    "claim.before_commit": 0,
    "claim.after_commit": 1,
    "start.before": 1,
    "task.before": 1,
    "task.after": 1,
    "finish.before_commit": 1,
    "finish.after_commit": 0,
}


def test_a_short_campaign_loses_and_doubles_nothing(rota: Rota) -> None:
    result = Campaign(rota, Plan(minutes=0.3, seed=timezone.localdate().toordinal())).run()  # each day another one
    assert not result.findings
    assert result.figures["kills"] > 1
    assert result.figures["moments"] > 300
    assert result.figures["begun"] > 30


@pytest.mark.parametrize("step", LOST_AT)
def test_a_death_at_a_step_that_decides(rota: Rota, step: str) -> None:
    rota.job("echo", trigger="cron", cron="* * * * * *", queue="light")
    Job.objects.filter(pk="job").update(task="tests.chaos.tasks.work", arguments={"path": rota.path("effects")})
    dying = rota.launch("runscheduler", FAILPOINTS=f"{step}:kill", FAILPOINTS_LOG=rota.path("deaths"))
    assert dying.wait(PATIENCE) == -signal.SIGKILL
    assert rota.lines("deaths") == [f"{dying.pid} kill {step}"]

    Job.objects.update(next_run_time=None)
    assert rota.run("runscheduler", "--once") == 0
    rota.until(lambda: not Execution.objects.filter(state__in=OPEN).exists())
    assert Execution.objects.filter(state=State.LOST).count() == LOST_AT[step]
    done, torn = effects.read(rota.folder / "effects")
    assert not torn
    assert not [*begins(ledger.runs(["job"]), done), *proofs(ledger.runs(["job"]), done)]


@pytest.mark.sqlite_only
def test_the_script_ends_with_one_object_of_figures() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--minutes", "0.05", "--seed", "1", "--json"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    figures = json.loads(ended.stdout)
    assert ended.returncode == 0
    assert {"kills", "moments", "lost", "doubled", "stuck"} <= figures.keys()
    assert figures["lost"] == figures["doubled"] == figures["stuck"] == 0
