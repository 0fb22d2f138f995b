"""Children that die: what they had not begun is begun by another one."""

from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from scheduling.executors.processes import ProcessExecutor
from scheduling.models import State
from scheduling.snapshots import Outcome, Snapshot

PATIENCE = 60.0  # seconds


class Unwatched(ProcessExecutor):
    """Its watch begins when the test says so: until then no death is heard of."""

    def start_watching(self) -> None:
        self._thread.start()

    def start(self, scheduler: object, alias: str) -> None:
        self._alias = alias
        self._fill()


@pytest.fixture
def ended() -> "SimpleQueue[Outcome]":
    return SimpleQueue()


@pytest.fixture
def executor(ended: "SimpleQueue[Outcome]") -> Iterator[Unwatched]:
    made = Unwatched(slots=1)
    made.deliver = ended.put
    made.start(None, "default")
    yield made
    made.kill()


def test_a_run_that_is_given_to_a_dead_child_is_begun_by_another_one(
    executor: Unwatched, ended: "SimpleQueue[Outcome]"
) -> None:
    (child,) = executor._children
    child.process.kill()
    child.process.join()
    executor.submit(Snapshot(id=1, fence=1, task="tests.workload.tasks.echo", arguments={"value": 7}, worker="none"))
    executor._obey()  # before its death is heard of
    executor.start_watching()
    outcome = ended.get(timeout=PATIENCE)
    assert (outcome.state, outcome.result) == (State.SUCCEEDED, 7)
