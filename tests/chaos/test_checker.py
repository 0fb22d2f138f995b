"""A checker that finds nothing proves nothing: each kind of damage is shown to it, and must be found."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.chaos.checker import Finding, Kind, check
from tests.chaos.effects import BEGIN, END, Effect
from tests.chaos.evidence import Evidence, Run, Span, Story
from tests.chaos.rhythms import EVERY_SECOND, Never
from tests.factories import NOON

WALL = NOON.timestamp()  # the monotonic clock stood at 0 at noon
MOMENTS = [NOON + timedelta(seconds=number) for number in (1, 2, 3)]
END_OF_ALL = MOMENTS[-1]


def run(number: int, **values: object) -> Run:
    """The run of the moment of that number."""
    moment = MOMENTS[number - 1] if number <= len(MOMENTS) else None
    return Run(**{"id": number, "job": "job", "moment": moment, **values})  # type: ignore[arg-type]


def went(run: Run, begin: float | None = None, seconds: float = 0.5, fence: int | None = None) -> list[Effect]:
    """The lines of a run that ended well."""
    moment = run.moment.isoformat() if run.moment else None
    at = float(run.id) if begin is None else begin
    first = Effect(what=BEGIN, run=run.id, fence=fence or run.fence, job=run.job, moment=moment, at=at)
    return [first, replace(first, what=END, at=at + seconds)]


def found(runs: list[Run], effects: list[Effect] | None = None, **more: object) -> list[Finding]:
    """What the checker says of a job that was due at MOMENTS."""
    if effects is None:
        effects = [effect for each in runs if each.state == "succeeded" for effect in went(each)]
    values = {"stories": [Story("job", [Span(EVERY_SECOND, NOON)])], "ended": END_OF_ALL, "wall": WALL, **more}
    return check(Evidence(runs=runs, effects=effects, **values))  # type: ignore[arg-type]


def kinds(findings: list[Finding]) -> list[Kind]:
    return [finding.kind for finding in findings]


ALL_WELL = [run(1), run(2), run(3)]
SKIPPED = {"state": "skipped", "begun": False}


def test_where_all_is_well_nothing_is_found() -> None:
    assert found(ALL_WELL) == []
    assert found([run(1), run(2, **SKIPPED), run(3)]) == []


def test_a_lost_moment() -> None:
    assert found([run(1), run(3)]) == [Finding(Kind.LOST, "job", "no row", MOMENTS[1])]
    assert kinds(found([])) == [Kind.LOST] * 3


def test_a_row_that_stands_for_further_moments() -> None:
    assert found([run(1, **SKIPPED, missed=1), run(3)]) == []
    assert kinds(found([run(1, **SKIPPED, missed=2), run(3)])) == [Kind.DOUBLED]  # the third is told twice
    assert kinds(found([run(1, **SKIPPED, missed=3)])) == [Kind.UNDUE]  # there was no fourth


def test_two_rows_for_one_moment() -> None:
    assert kinds(found([*ALL_WELL, run(4, moment=MOMENTS[0], **SKIPPED)])) == [Kind.DOUBLED]


def test_a_moment_that_was_not_due() -> None:
    odd = run(4, moment=NOON + timedelta(seconds=1.5))
    assert kinds(found([*ALL_WELL, odd])) == [Kind.UNDUE]


def test_moments_fired_while_the_change_was_on_its_way() -> None:
    changed = [Span(EVERY_SECOND, NOON, until=MOMENTS[1], settled=MOMENTS[2]), Span(Never(), MOMENTS[1])]
    assert found(ALL_WELL[:2], stories=[Story("job", changed)]) == []
    assert found(ALL_WELL, stories=[Story("job", changed)]) == []
    assert kinds(found(ALL_WELL[:1], stories=[Story("job", changed)])) == [Kind.LOST]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_stuck_row(state: str) -> None:
    assert kinds(found([run(1), run(2), run(3, state=state)])) == [Kind.STUCK]


def test_a_worker_that_is_said_to_live() -> None:
    assert kinds(found(ALL_WELL, workers=["4711"])) == [Kind.STUCK]


def test_a_success_without_its_effect() -> None:
    assert kinds(found(ALL_WELL, went(run(1)) + went(run(2)))) == [Kind.UNPROVEN]
    assert kinds(found(ALL_WELL, went(run(1)) + went(run(2)) + went(run(3))[:1])) == [Kind.UNPROVEN]


def test_a_success_written_under_another_fence_than_its_effect() -> None:
    assert kinds(found(ALL_WELL, went(run(1)) + went(run(2)) + went(run(3), fence=2))) == [Kind.UNPROVEN]


def test_one_attempt_that_began_twice() -> None:
    twice = [*went(run(3)), *went(run(3, fence=2), begin=4.0)]
    effects = [*went(run(1)), *went(run(2)), *twice]
    assert kinds(found([run(1), run(2), run(3, fence=2)], effects)) == [Kind.DOUBLED]


def test_a_moment_that_was_done_twice() -> None:
    again = run(4, why="backfill")
    effects = [effect for each in ALL_WELL for effect in went(each)]
    effects += went(replace(again, moment=MOMENTS[2]), begin=5.0)
    assert kinds(found([*ALL_WELL, again], effects)) == [Kind.DOUBLED]


def test_a_row_that_ran_though_it_says_that_it_did_not() -> None:
    runs = [run(1), run(2), run(3, **SKIPPED)]
    assert kinds(found(runs, [effect for each in runs for effect in went(each)])) == [Kind.DOUBLED]


def test_a_run_that_has_no_row() -> None:
    ghost = run(9)
    effects = [effect for each in [*ALL_WELL, ghost] for effect in went(each)]
    assert kinds(found(ALL_WELL, effects)) == [Kind.UNDUE]


def second(**values: object) -> Run:
    return run(4, root=3, attempt=2, **values)


@pytest.mark.parametrize(
    ("first", "policy"),
    [
        ({"state": "lost"}, {"idempotent": True}),
        ({"state": "failed"}, {"max_attempts": 2}),
        ({"state": "timed_out"}, {"max_attempts": 2}),
    ],
)
def test_an_attempt_that_the_policy_allows(first: dict[str, object], policy: dict[str, object]) -> None:
    assert found([run(1), run(2), run(3, **first, **policy), second(**policy)]) == []


@pytest.mark.parametrize(
    ("first", "policy"),
    [
        ({"state": "lost"}, {"max_attempts": 9}),
        ({"state": "failed"}, {"idempotent": True}),
        ({"state": "succeeded"}, {"idempotent": True, "max_attempts": 9}),
        ({"state": "failed", "cancelled": True}, {"max_attempts": 9}),
    ],
)
def test_an_attempt_that_no_policy_allows(first: dict[str, object], policy: dict[str, object]) -> None:
    assert kinds(found([run(1), run(2), run(3, **first, **policy), second(**policy)])) == [Kind.DOUBLED]


def test_too_many_attempts_of_an_interrupted_run() -> None:
    lost = {"state": "lost", "idempotent": True}
    chain = [run(4 + number, root=3, attempt=2 + number, **lost) for number in range(4)]
    assert kinds(found([run(1), run(2), run(3, **lost), *chain])) == [Kind.DOUBLED]


def test_an_attempt_that_follows_none() -> None:
    policy = {"max_attempts": 9}
    third = run(5, root=3, attempt=3, **policy)
    assert kinds(found([run(1), run(2), run(3, state="failed", **policy), third])) == [Kind.DOUBLED]


def test_the_same_attempt_twice() -> None:
    policy = {"max_attempts": 9}
    runs = [run(1), run(2), run(3, state="failed", **policy), second(**policy), run(5, root=3, attempt=2, **policy)]
    assert kinds(found(runs)) == [Kind.DOUBLED]


def test_more_runs_at_once_than_allowed() -> None:
    long = went(run(1), begin=1.0, seconds=1.5)
    assert kinds(found(ALL_WELL, long + went(run(2)) + went(run(3)))) == [Kind.CROWDED]
    two = [replace(each, max_instances=2) for each in ALL_WELL]
    assert found(two, long + went(run(2)) + went(run(3))) == []


def test_a_lost_run_that_goes_on_is_no_crowd() -> None:
    long = went(run(1), begin=1.0, seconds=1.5)
    assert found([run(1, state="lost"), run(2), run(3)], long + went(run(2)) + went(run(3))) == []


def test_a_run_before_its_moment() -> None:
    early = went(run(1), begin=-1.0)
    assert kinds(found(ALL_WELL, early + went(run(2)) + went(run(3)))) == [Kind.UNDUE]


@pytest.mark.parametrize("was", [{"state": "lost"}, {"fence": 7}])
def test_an_end_that_changed(was: dict[str, object]) -> None:
    assert kinds(found(ALL_WELL, seen={1: run(1, **was)})) == [Kind.REWRITTEN]
    assert found(ALL_WELL, seen={1: run(1)}) == []


def test_an_end_that_vanished() -> None:
    assert kinds(found(ALL_WELL, seen={8: run(8)})) == [Kind.REWRITTEN]
