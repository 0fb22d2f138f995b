"""One table of states: the code goes no other way, and where it tries, it is refused, by itself and by the database."""

import logging
import re
from itertools import product
from pathlib import Path

import pytest
from django.db import DatabaseError, transaction

from scheduling.exceptions import ImpossibleStep
from scheduling.models import FINAL, Execution, State
from scheduling.states import CLAIM, STEPS, WAYS, WITHDRAW
from scheduling.store.moves import move
from tests.factories import NOON, make_execution, make_job, make_worker

SCHEDULING = Path(__file__).resolve().parents[2] / "scheduling"


def in_state(state: State) -> Execution:
    return make_execution(
        make_job(),
        state=state,
        worker=make_worker(),
        started_at=NOON,
        finished_at=NOON if state in FINAL else None,
    )


def columns(state: State) -> dict[str, object]:
    return {"state": state, "finished_at": NOON if state in FINAL else None}


def test_no_way_leads_out_of_an_end() -> None:
    assert not {before for before, _ in WAYS} & set(FINAL)
    assert all(step.who and step.guard for step in STEPS)


@pytest.mark.django_db
@pytest.mark.parametrize(("before", "after"), [pair for pair in product(State, State) if pair[0] != pair[1]])
def test_the_database_lets_a_run_go_the_ways_of_the_table_and_no_other(before: State, after: State) -> None:
    run = Execution.objects.filter(pk=in_state(before).pk)
    if (before, after) in WAYS:
        assert run.update(**columns(after)) == 1
        return
    with pytest.raises(DatabaseError, match="does not go from this state"), transaction.atomic():
        run.update(**columns(after))
    assert run.get().state == before


@pytest.mark.django_db
def test_a_step_that_the_table_does_not_know_is_refused_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    run = Execution.objects.filter(pk=in_state(State.QUEUED).pk)
    with caplog.at_level(logging.ERROR), pytest.raises(ImpossibleStep, match="No way leads from queued to succeeded"):
        move(run, CLAIM, State.SUCCEEDED)
    assert "Refused" in caplog.text


@pytest.mark.django_db
def test_a_step_leaves_alone_what_has_gone_on(caplog: pytest.LogCaptureFixture) -> None:
    run = in_state(State.RUNNING)
    assert move(Execution.objects.filter(pk=run.pk), WITHDRAW, State.CANCELLED, finished_at=NOON) == 0
    run.refresh_from_db()
    assert (run.state, run.fence) == (State.RUNNING, 0)


def test_nothing_but_a_step_writes_a_state() -> None:
    """`move` and the batch of `finish`, which has its own guard, are the only places."""
    writes = re.compile(r"update\([^)]*state=State\.", re.DOTALL)
    found = {path.name for path in SCHEDULING.rglob("*.py") if writes.search(path.read_text())}
    assert found == set()
