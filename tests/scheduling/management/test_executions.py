"""manage.py executions: what it lists, shows and prints, and what it cancels and runs again."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError

from scheduling import store
from scheduling.management.caller import by
from scheduling.models import Cause, Execution, LogChunk, State, Why
from tests.factories import NOON, make_execution, make_job, make_worker
from tests.scheduling.management.terminal import said, told

pytestmark = pytest.mark.django_db
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def ended(state: State = State.SUCCEEDED, ago: timedelta = HOUR, job: Any = None, **columns: Any) -> Execution:
    times = {"run_after": NOON - ago - 5 * SECOND, "started_at": NOON - ago - 3 * SECOND, "finished_at": NOON - ago}
    return make_execution(job, state=state, **{**times, **columns})


def listed(*options: str) -> list[int]:
    return [each["id"] for each in told("executions", "list", *options)]


# list


def test_a_row_tells_how_late_and_how_long_a_run_was_and_why_it_failed() -> None:
    job = make_job(id="films", max_attempts=3)
    ended(
        State.FAILED,
        job=job,
        attempt=2,
        error_class="builtins.ValueError",
        error_message="no\n[bold]film",
        why=Why.RETRY,
    )
    _, row = said("executions", "list").splitlines()
    for words in ("films", "failed", "retry", "60 min ago", "2 s", "3 s", "attempt 2 of 3. ValueError: no [bold]film"):
        assert words in row


def test_runs_are_chosen_by_job_state_cause_queue_and_age() -> None:
    films = make_job(id="films")
    old = ended(job=films, ago=3 * HOUR)
    failed = ended(State.FAILED, job=films)
    missed = ended(State.SKIPPED, cause=Cause.MISSED, started_at=None, queue="light")
    waits = make_execution(created_at=NOON - 9 * HOUR)
    assert listed() == [waits.pk, missed.pk, failed.pk, old.pk]
    assert listed("--job=films") == [failed.pk, old.pk]
    assert listed("--state=failed", "--state=skipped") == [missed.pk, failed.pk]
    assert listed("--cause=missed") == [missed.pk]
    assert listed("--queue=light") == [missed.pk]
    assert listed("--since=2h") == [waits.pk, missed.pk, failed.pk]
    assert listed("--since=09:30") == [waits.pk, missed.pk, failed.pk]
    assert listed("--since=08:30") == [waits.pk, missed.pk, failed.pk, old.pk]
    assert listed("--since=2026-03-02", "--limit=1") == [waits.pk]


def test_that_there_are_more_is_said() -> None:
    ended()
    assert "There are more" not in said("executions", "list", "--limit=1")
    ended()
    assert "There are more; --limit 2" in said("executions", "list", "--limit=1")


def test_runs_of_a_job_that_was_deleted_are_listed_still() -> None:
    job = make_job(id="films", trigger="manual", next_run_time=None)
    run = ended(job=job)
    store.delete(job, by="ada", now=NOON)
    assert listed("--job=films") == [run.pk]
    make_job(id="books")
    with pytest.raises(CommandError, match="Did you mean books"):
        said("executions", "list", "--job=bocks")


# show


def test_a_run_is_shown_with_its_times_its_attempts_and_its_error() -> None:
    job = make_job(id="films", max_attempts=2, timezone="Europe/Berlin")
    first = ended(
        State.FAILED, job=job, ago=2 * HOUR, scheduled_for=NOON - 2 * HOUR, arguments={"password": "hunter22"}
    )
    second = ended(
        State.FAILED,
        job=job,
        attempt=2,
        root=first,
        worker_id=make_worker(host="batch", pid=7).pk,
        error_class="httpx.ReadTimeout",
        error_message="too \x1b[31mslow",
        traceback="Traceback…\n  [bold]line[/bold]",
        result={"token": "hunter22"},
        why=Why.RETRY,
    )
    shown = said("executions", "show", f"#{second.pk}")
    for words in (
        f"Run #{second.pk} of films: failed",
        "Mon 2 Mar 2026 11:00 UTC, 1 h ago, took 3 s",
        "2 s late",
        "2 of 2",
        "batch:7",
        "httpx.ReadTimeout: too slow",
        "[bold]line[/bold]",
        f"#{first.pk} ",
    ):
        assert words in shown
    assert "hunter22" not in shown
    whole = told("executions", "show", str(first.pk))
    assert [each["id"] for each in whole["attempts"]] == [first.pk, second.pk]
    assert (whole["duration"], whole["arguments"]) == (3, {"password": "••••••"})


def test_a_run_that_waits_says_for_what() -> None:
    run = make_execution(make_job(id="films"))
    assert "no scheduler that is running serves the queue default" in said("executions", "show", str(run.pk))


# logs


def test_the_log_is_printed_as_it_is_without_codes_that_move_a_cursor() -> None:
    run = ended()
    LogChunk.objects.create(execution=run, text="one [bold]\n")
    LogChunk.objects.create(execution=run, text="two \x1b[2Jthree\n")
    assert said("executions", "logs", str(run.pk)) == "one [bold]\ntwo three\n"
    assert told("executions", "logs", str(run.pk)) == {
        "id": run.pk,
        "state": "succeeded",
        "log": "one [bold]\ntwo three\n",
    }


def test_following_ends_with_the_run_and_well_only_if_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    run = ended()
    LogChunk.objects.create(execution=run, text="done\n")
    assert said("executions", "logs", str(run.pk), "--follow") == "done\n"
    assert f"Run #{run.pk}: succeeded after 3 s." in capsys.readouterr().err
    failed = ended(State.FAILED, error_class="builtins.ValueError", error_message="no")
    again = make_execution(root=failed, attempt=2)
    with pytest.raises(
        CommandError, match=rf"failed after 3 s. ValueError: no\nAttempt 2 follows: .* {again.pk} "
    ) as end:
        said("executions", "logs", str(failed.pk), "--follow")
    assert end.value.returncode == 1


# cancel, retry


def test_what_waits_is_withdrawn_what_runs_is_told_and_what_ended_is_left() -> None:
    waits, over = make_execution(), ended()
    runs = make_execution(state=State.RUNNING, worker_id=make_worker().pk, started_at=NOON)
    ids = [str(each.pk) for each in (waits, runs, over)]
    lines = said("executions", "cancel", *ids, "--reason", "wrong day").splitlines()
    assert [line.partition(": ")[2] for line in lines] == [
        "cancelled.",
        "told to stop; its end is on its page soon.",
        "had ended before (succeeded).",
    ]
    again = told("executions", "cancel", *ids)
    assert [(each["changed"], each["state"]) for each in again] == [
        (False, "cancelled"),
        (False, "running"),
        (False, "succeeded"),
    ]
    runs.refresh_from_db()
    assert (runs.cancel_requested_by, runs.reason) == (by(), "wrong day")


def test_what_ended_is_run_again_with_its_arguments() -> None:
    run = ended(State.FAILED, arguments={"value": 7}, scheduled_for=None)
    assert said("executions", "retry", str(run.pk)).startswith(f"#{run.pk}: queued again as #")
    again = Execution.objects.latest("pk")
    assert (again.arguments, again.state, again.requested_by) == ({"value": 7}, State.QUEUED, by())


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("show", "99"), "There is no run #99"),
        (("cancel", "1", "99"), "There is no run #99"),
        (("retry", "1"), "has not ended"),
        (("retry", "1", "--timeout=1s"), "give both"),
        (("logs", "1", "--follow", "--json"), "leave out --follow"),
        (("list", "--since=a while"), "is no span of time"),
        (("list", "--since=25:00"), "is no time"),
        (("list", "--since=99999999d"), "longer ago|any schedule"),
        (("list", "--limit=0"), "from 1 to 10,000"),
        (("list", "--job=films"), "There is no job 'films'"),
    ],
)
def test_what_makes_no_sense_is_refused(command: tuple[str, ...], message: str) -> None:
    make_execution(pk=1)
    with pytest.raises(CommandError, match=message) as refused:
        said("executions", *command)
    assert refused.value.returncode == 2
    assert Execution.objects.get().state == State.QUEUED


def test_what_is_no_number_is_refused_by_its_name() -> None:
    with pytest.raises(CommandError, match="'x' is no number of a run"):
        said("executions", "show", "x")
