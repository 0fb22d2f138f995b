"""Faults at named steps: what is injected must happen there, and nowhere else."""

import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from django.db import OperationalError

from scheduling import store
from scheduling.models import Execution, State
from tests.chaos.failpoints import STEPS, Failpoint, Failpoints
from tests.factories import NOON, make_execution, make_worker

DJANGO = "import django; django.setup(); from tests.chaos.failpoints import Failpoints"


@pytest.fixture
def worker(transactional_db: None) -> UUID:
    make_execution()
    return make_worker().pk


def claim(worker: UUID) -> int:
    return len(store.claim(worker, {"default": 1}, NOON))


def states() -> list[str]:
    return list(Execution.objects.values_list("state", flat=True))


def test_what_a_text_says() -> None:
    assert Failpoint.of("claim.after_commit:kill:0.2") == Failpoint("claim.after_commit", "kill", 0, 0.2)
    assert Failpoint.of("*.before:sleep=0.5") == Failpoint("*.before", "sleep", 0.5, 1)


@pytest.mark.parametrize(
    "text", ["claim.after:explode", "dream.before:kill", "claim.before", "heartbeat.*_commit:kill"]
)
def test_what_is_no_failpoint(text: str) -> None:
    with pytest.raises(ValueError, match=r"such failpoint|unpack"):
        Failpoint.of(text)


def test_a_commit_that_never_came(worker: UUID) -> None:
    with Failpoints("claim.before_commit:raise").install(), pytest.raises(OperationalError):
        claim(worker)
    assert states() == [State.QUEUED]


def test_a_commit_whose_answer_was_lost(worker: UUID) -> None:
    with Failpoints("claim.after_commit:raise").install(), pytest.raises(OperationalError):
        claim(worker)
    assert states() == [State.RUNNING]


def test_other_steps_go_on_as_ever(worker: UUID) -> None:
    with Failpoints("finish.*:raise").install():
        assert claim(worker) == 1


def test_nothing_stays_when_they_are_taken_away(worker: UUID) -> None:
    with Failpoints("*.before:raise").install():
        pass
    assert claim(worker) == 1


def test_every_step_is_reached_by_its_name(worker: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []
    points = Failpoints("claim.before:sleep")
    monkeypatch.setattr(points, "reach", reached.append)
    with points.install():
        claim(worker)
    assert reached == ["claim.before", "claim.before_commit", "claim.after_commit", "claim.after"]
    assert set(reached) <= set(STEPS)


def command(failpoint: str, log: str = "") -> list[str]:
    """A process that comes to the step task.after."""
    return [sys.executable, "-c", f"{DJANGO}; Failpoints({failpoint!r}, {log!r}).reach('task.after')"]


def test_a_death_is_written_down(tmp_path: Path) -> None:
    log = tmp_path / "deaths"
    died = subprocess.run(command("task.after:kill", str(log)), check=False)
    assert died.returncode == -signal.SIGKILL
    assert log.read_text().split()[1:] == ["kill", "task.after"]


def test_a_stop_ends_by_itself() -> None:
    seen = set()
    with subprocess.Popen(command("task.after:stop=1")) as process:
        while process.poll() is None:
            seen.add(psutil.Process(process.pid).status())
    assert process.returncode == 0
    assert psutil.STATUS_STOPPED in seen
