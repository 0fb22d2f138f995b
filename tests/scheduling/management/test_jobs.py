"""manage.py jobs: what it lists and shows, how it runs and removes, and what it refuses."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError

from scheduling import store
from scheduling.management.caller import by
from scheduling.models import Change, Execution, Job, Queue, State
from tests.factories import NOON, make_execution, make_job
from tests.scheduling.management.terminal import said, seen, told

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def films(**columns: Any) -> Job:
    plain = {"id": "films", "name": "Films", "cron": "0 2 * * *", "timezone": "Europe/Berlin"}
    return make_job(**{**plain, "next_run_time": NOON + 13 * HOUR, "fired_until": NOON, **columns})


def ended(job: Job, state: State, **columns: Any) -> Execution:
    times = {"started_at": NOON - HOUR, "finished_at": NOON - HOUR + timedelta(seconds=3)}
    return make_execution(job, state=state, **{**times, **columns})


# list


def test_a_row_tells_the_schedule_the_next_run_on_its_clock_the_last_run_and_the_state() -> None:
    ended(films(), State.FAILED)
    (_, row, _, count) = said("jobs", "list").splitlines()
    assert row.split("  ")[0] == "films"
    for words in (
        "At 02:00, every day (Europe/Berlin)",
        "in 13 h",
        "Tue  3 Mar 02:00 CET",
        "failed 60 min ago",
        "armed",
    ):
        assert words in row
    assert count == "1 job: 1 armed"


def test_a_pipe_gets_a_job_on_a_line_and_a_terminal_colours() -> None:
    films(name="[red]films[/red]", description="x" * 300)
    assert "\x1b" not in said("jobs", "list")
    assert not any(line.endswith(" ") for line in said("jobs", "list").splitlines())
    assert len(said("jobs", "list").splitlines()) == 4


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["films", "books", "gone", "resting", "shelf"]),
        (("--state=paused",), ["resting"]),
        (("--state=parked",), ["gone"]),
        (("--state=held",), ["books"]),
        (("--state=armed",), ["films"]),
        (("--state=manual",), ["shelf"]),
        (("--tag=etl",), ["books"]),
        (("--tag=et",), []),
        (("--queue=light",), ["books"]),
        (("--search=FILM",), ["films"]),
        (("--search=echo", "--queue=default"), ["films", "gone", "resting", "shelf"]),
    ],
)
def test_jobs_are_chosen_by_how_they_stand_and_what_they_are(options: tuple[str, ...], expected: list[str]) -> None:
    films()
    make_job(id="books", queue="light", tags=["etl", "x"], next_run_time=NOON + 14 * HOUR)
    make_job(id="gone", parked_reason="No task.", next_run_time=None)
    make_job(id="resting", paused_at=NOON, next_run_time=None)
    make_job(id="shelf", trigger="manual", next_run_time=None)
    store.ensure_queues()
    store.pause_queue(Queue.objects.get(pk="light"), by="ada", now=NOON)
    assert [each["id"] for each in told("jobs", "list", *options)] == expected


def test_a_program_is_told_moments_in_utc() -> None:
    run = ended(films(), State.SUCCEEDED)
    (row,) = told("jobs", "list")
    assert (row["next_run_time"], row["state"], row["schedule"]) == (
        "2026-03-03T01:00:00+00:00",
        "armed",
        "At 02:00, every day (Europe/Berlin)",
    )
    assert row["last_run"]["id"] == run.pk


def test_a_job_whose_schedule_cannot_be_read_is_listed_all_the_same() -> None:
    films(cron="99 * * * *", parked_reason="The minute 99 is outside 0-59.", next_run_time=None)
    assert "The minute 99 is outside 0-59." in said("jobs", "list")
    assert "parked" in said("jobs", "show", "films")
    assert told("jobs", "show", "films")["upcoming"] == []


def test_nothing_to_list_is_said() -> None:
    assert said("jobs", "list") == "There is no job yet.\n"
    films()
    assert said("jobs", "list", "--tag=none") == "No job fits.\n"


# show


def test_a_job_is_shown_with_its_policies_in_words_what_comes_and_what_was() -> None:
    job = films(max_attempts=3, description="Fetches them.", arguments={"limit": 5, "api_key": "hunter22"}, jitter=HOUR)
    ended(job, State.FAILED, reason="[bold]as told[/bold]")
    shown = said("jobs", "show", "films")
    for words in (
        "Films (films)",
        "Fetches them.",
        '{"limit": 5, "api_key": "••••••"}',
        "tried 3 times in all, first again after 30 s, then doubling up to 1 h",
        "a run may start up to 15 min late; later it is missed",
        "each start is delayed by a random time up to 1 h",
        "Tue 2026-03-03 02:00:00 CET",
        "[bold]as told[/bold]",
        "1 failed",
    ):
        assert words in shown
    assert shown.count("02:00:00 CE") == 10


def test_a_job_that_stands_still_says_why_and_what_it_would_do() -> None:
    job = films()
    store.pause(job, by="ada", now=NOON, reason="The upstream moves house.")
    shown = said("jobs", "show", "films")
    assert "paused  Paused by ada: The upstream moves house." in shown
    assert "It stands still; its schedule would name:" in shown
    store.pause(job, by="ada", now=NOON, until=NOON + 48 * HOUR)
    shown = said("jobs", "show", "films")
    assert "2026-03-05 02:00:00 CET" in shown  # the first after the pause
    assert "2026-03-04 02:00:00" not in shown


def test_a_program_gets_every_column_that_people_decide() -> None:
    films(arguments={"token": "hunter22"}, timeout=timedelta(minutes=5), interval=None)
    shown = told("jobs", "show", "films")
    assert (shown["timeout"], shown["cron"], shown["arguments"]) == (300, "0 2 * * *", {"token": "••••••"})
    assert len(shown["upcoming"]) == 10
    assert shown["upcoming"][0]["moment"] == "2026-03-03T01:00:00+00:00"
    assert "hunter22" not in str(shown)


# preview


def test_a_schedule_can_be_tried_out_before_it_is_a_job() -> None:
    shown = said("jobs", "preview", "--cron", "30 7 * * 1-5", "--timezone", "Europe/Berlin", "-n", "3")
    lines = shown.splitlines()
    assert lines[0] == "At 07:30, Monday through Friday (Europe/Berlin)"
    assert [line[:14] for line in lines[3:]] == ["Tue 2026-03-03", "Wed 2026-03-04", "Thu 2026-03-05"]


@pytest.mark.parametrize(
    ("after", "moment", "notes"),
    [
        (
            "2026-03-28 12:00",
            "2026-03-29T03:00:00+02:00",
            ["the clocks have gone forward by 1 h", "in place of a time that the clocks skip"],
        ),
        ("2026-10-24 12:00", "2026-10-25T02:30:00+02:00", ["02:30 comes twice: this is the first, and the only run"]),
        ("2026-10-25 02:45", "2026-10-26T02:30:00+01:00", ["the clocks have gone back by 1 h"]),
        ("2026-03-01 12:00", "2026-03-02T02:30:00+01:00", []),
    ],
)
def test_what_clocks_do_to_a_moment_is_noted(after: str, moment: str, notes: list[str]) -> None:
    asked = ("--cron", "30 2 * * *", "--timezone", "Europe/Berlin", "--after", after, "-n", "1")
    (found,) = told("jobs", "preview", *asked)["moments"]
    assert (found["local"], found["notes"]) == (moment, notes)


def test_a_rhythm_runs_in_both_of_two_hours_that_are_alike() -> None:
    asked = ("--cron", "*/30 * * * *", "--timezone", "Europe/Berlin", "--after", "2026-10-25 01:30", "-n", "4")
    notes = [each["notes"][-1] for each in told("jobs", "preview", *asked)["moments"]]
    assert [note.rpartition(" ")[2] for note in notes] == ["first", "first", "second", "second"]


def test_intervals_single_moments_and_jobs_are_previewed_too() -> None:
    films(calendars=[])
    first = [each["moments"][0]["moment"] for each in (
        told("jobs", "preview", "--interval", "90 min"),
        told("jobs", "preview", "--at", "2026-05-01 10:00", "--timezone", "Asia/Tokyo"),
        told("jobs", "preview", "films"),
    )]  # fmt: skip
    assert first == ["2026-03-02T13:30:00+00:00", "2026-05-01T01:00:00+00:00", "2026-03-03T01:00:00+00:00"]


def test_a_schedule_that_has_ended_says_so() -> None:
    assert "It names no further moment." in said("jobs", "preview", "--at", "2026-01-01 10:00")
    make_job(id="shelf", trigger="manual")
    assert "It runs only when it is asked to." in said("jobs", "preview", "shelf")


# run


def test_a_run_is_queued_with_arguments_over_the_jobs_own() -> None:
    films(arguments={"value": 1})
    assert said("jobs", "run", "films").startswith("films: queued as run #")
    told("jobs", "run", "films", "--arg", "value=[1, 2]")
    told("jobs", "run", "films", "--arguments", "{}")
    run = told("jobs", "run", "films", "--arg", "value=a=b")
    assert (run["state"], run["why"], run["requested_by"]) == ("queued", "run_now", by())
    values = Execution.objects.order_by("pk").values_list("arguments", flat=True)
    assert list(values) == [{"value": 1}, {"value": [1, 2]}, {}, {"value": "a=b"}]


# pause, resume, skip as a program is told of them; test_commands.py has the rest


def test_a_program_is_told_what_changed() -> None:
    films()
    (paused,) = told("jobs", "pause", "films", "--for", "2h")
    assert (paused["changed"], paused["paused_until"], paused["next_run_time"]) == (
        True,
        "2026-03-02T14:00:00+00:00",
        None,
    )
    assert told("jobs", "resume", "films")[0]["missed"] == 0
    assert told("jobs", "resume", "films")[0]["changed"] is False
    assert told("jobs", "skip", "films")[0]["skipped"] == "2026-03-03T01:00:00+00:00"


# remove


def test_a_job_is_removed_and_what_it_queued_is_cancelled() -> None:
    job = films()
    run = store.enqueue(job, now=NOON)
    assert said("jobs", "remove", "films", "--yes", "--reason", "not needed") == (
        "films: removed. 1 run of it cancelled.\n"
    )
    run.refresh_from_db()
    assert run.state == State.CANCELLED
    assert Change.objects.filter(action="deleted", by=by(), reason="not needed").exists()


def test_a_job_that_the_code_declares_comes_back_and_that_is_said() -> None:
    make_job(id="prune_history")
    assert "the next start of a scheduler brings it back" in said("jobs", "remove", "prune_history", "--yes")


@pytest.mark.parametrize(("answer", "removed"), [("y", True), ("Yes", True), ("", False), ("n", False)])
def test_it_asks_before_it_removes(answer: str, removed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    films()
    asked = []

    def reply(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", reply)
    if removed:
        said("jobs", "remove", "films")
    else:
        with pytest.raises(CommandError, match="Nothing was removed"):
            said("jobs", "remove", "films")
    assert Job.objects.exists() is not removed
    assert asked == ["films: Films.\nRemove 1 job? [y/N] "]


# What is refused


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("show", "filns"), "Did you mean films?"),
        (("list", "--state=odd"), "invalid choice"),
        (("run", "films", "--arg", "value"), "write it as name=value"),
        (("run", "films", "--arguments", "[1]"), "names and values"),
        (("run", "films", "--arguments", "{"), "is no JSON"),
        (("run", "films", "--arg", "limit=1"), "unexpected keyword argument 'limit'"),
        (("run", "films", "--timeout", "5 s"), "give both"),
        (("run", "films", "--wait", "--timeout", "soon"), "is no span of time"),
        (("preview",), "Give a job, or one of"),
        (("preview", "films", "--cron", "* * * * *"), "Give a job, or one of"),
        (("preview", "films", "--timezone", "UTC"), "leave out --timezone"),
        (("preview", "--cron", "61 * * * *"), "The minute 61 is outside"),
        (("preview", "--cron", "* * * * *", "--timezone", "Berlin"), "write Europe/Berlin"),
        (("preview", "--cron", "* * * * *", "--calendar", "x"), "There is no calendar 'x'"),
        (("preview", "--cron", "* * * * *", "--after", "soon"), "is no time"),
        (("preview", "--cron", "* * * * *", "-n", "0"), "from 1 to 1000"),
        (("preview", "--interval", "a while"), "is no span of time"),
        (("remove", "films", "filns", "--yes"), "Did you mean films?"),
        (("pause", "films", "filns"), "Did you mean films?"),
        ((), "DEED"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(command: tuple[str, ...], message: str) -> None:
    films()
    with pytest.raises(CommandError, match=message) as refused:
        said("jobs", *command)
    assert refused.value.returncode == 2 or message in ("invalid choice", "from 1 to 1000", "DEED")  # argparse says 2
    assert not Execution.objects.exists()
    assert Job.objects.filter(pk="films", paused_at=None).exists()


def test_explain_is_one_thing_with_two_names() -> None:
    films()
    assert said("jobs", "explain", "films", "--at", "02:00") == said("explain", "films", "--at", "02:00")
    assert told("jobs", "explain", "films") == told("explain", "films")


def test_a_terminal_that_is_narrow_keeps_every_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    films(cron="0 2 * * 1-5", timezone="America/New_York")
    make_job(id="update_watch_history", trigger="manual", next_run_time=None)
    shown = seen("jobs", "list")
    assert "manual" in shown
    assert "update_watch_history" in shown
