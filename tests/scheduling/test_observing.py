"""Observers hear of each error and each end, and can spoil neither a run nor the loop."""

import logging
from typing import Any

import pytest

from scheduling import events, observing
from scheduling.context import StopSignal
from scheduling.models import Execution, State
from scheduling.observing import Observer
from scheduling.perform import perform
from scheduling.snapshots import Outcome, Snapshot
from scheduling.store import Finished
from tests.factories import NOON, make_execution

HERE = "tests.scheduling.test_observing"
heard: list[tuple[str, Any]] = []


class Listens(Observer):
    def raised(self, snapshot: Snapshot, error: BaseException) -> None:
        heard.append((snapshot.task, type(error)))

    def ended(self, row: Execution, outcome: Outcome) -> None:
        heard.append((row.task, outcome.state))


class Breaks(Observer):
    def raised(self, snapshot: Snapshot, error: BaseException) -> None:
        raise RuntimeError("I am broken")

    def ended(self, row: Execution, outcome: Outcome) -> None:
        raise RuntimeError("I am broken")


class Silent:
    """A scheduler without listeners."""

    def _dispatch_event(self, event: Any) -> None:
        """Tells nobody."""


@pytest.fixture(autouse=True)
def _observed(settings: Any) -> None:
    heard.clear()
    settings.SCHEDULING = {**settings.SCHEDULING, "OBSERVERS": [f"{HERE}.Breaks", f"{HERE}.Listens"]}


def run(task: str, **arguments: Any) -> Outcome:
    path = f"tests.workload.tasks.{task}"
    return perform(Snapshot(id=make_execution().pk, fence=1, task=path, arguments=arguments, worker="w"), StopSignal())


@pytest.mark.usefixtures("kept_connection")
@pytest.mark.parametrize(
    ("task", "arguments", "error"),
    [("fail", {}, ValueError), ("leave", {}, SystemExit), ("returns_a_set", {}, TypeError), ("echo", {}, None)],
)
def test_an_error_of_a_task_is_heard_of_and_becomes_its_end_all_the_same(
    task: str, arguments: dict[str, Any], error: type[BaseException] | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        outcome = run(task, **arguments)
    assert [what for _, what in heard] == ([error] if error else [])
    assert outcome.state == (State.FAILED if error else State.SUCCEEDED)
    assert ("I am broken" in caplog.text) == bool(error)


@pytest.mark.usefixtures("kept_connection")
def test_to_ask_for_a_later_run_is_no_error() -> None:
    assert run("later", seconds=1).state == State.FAILED
    assert heard == []


@pytest.mark.django_db
def test_each_end_is_heard_of_however_it_came() -> None:
    row = make_execution()
    outcome = Outcome(id=row.pk, fence=0, state=State.TIMED_OUT, finished_at=NOON)
    events.finished(Silent(), Finished(written=[outcome], rows={row.pk: row}))
    assert heard == [(row.task, State.TIMED_OUT)]


def test_without_the_setting_nobody_is_asked(settings: Any) -> None:
    settings.SCHEDULING = {**settings.SCHEDULING, "OBSERVERS": []}
    assert observing.observers() == ()
