"""What a running task may ask."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import OperationalError

from scheduling.context import Context, StopSignal
from scheduling.models import Execution, State
from scheduling.snapshots import Snapshot
from tests.factories import ECHO, NOON, make_execution, make_worker

pytestmark = pytest.mark.django_db


def context_of(run: Execution, fence: int) -> Context:
    snapshot = Snapshot(id=run.pk, fence=fence, task=ECHO, arguments={}, worker=str(run.worker_id))
    return Context(task_result=cast(Any, SimpleNamespace()), snapshot=snapshot, stop=StopSignal())


@pytest.fixture
def run() -> Execution:
    return make_execution(state=State.RUNNING, worker=make_worker(), started_at=NOON, fence=1)


def test_a_run_is_its_workers_while_the_fence_stands(run: Execution) -> None:
    assert context_of(run, fence=1).still_mine()
    assert not context_of(run, fence=0).still_mine()


def test_a_run_is_nobodys_while_the_database_cannot_say_whose(run: Execution, monkeypatch: Any) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    context = context_of(run, fence=1)
    monkeypatch.setattr("scheduling.models.ExecutionQuerySet.exists", fail)
    assert not context.still_mine()
