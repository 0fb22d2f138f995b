"""manage.py backfill: what it shows before it does anything, what it asks, and what it refuses."""

import json
import sys
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from scheduling import store
from scheduling.management.caller import by
from scheduling.management.finding import read_range
from scheduling.models import Backfill, BackfillState, Execution, Job, State
from tests.factories import NOON, make_execution, make_job, make_worker

pytestmark = pytest.mark.django_db
DAY = ("--from=2026-01-01", "--to=2026-01-01")


def told(*options: str) -> str:
    out = StringIO()
    call_command("backfill", *options, stdout=out)
    return out.getvalue()


def hourly(**columns: Any) -> Job:
    return make_job(**{"id": "films", "cron": "0 * * * *", "timezone": "Europe/Berlin", **columns})


def test_it_shows_the_first_and_the_last_of_many_moments_on_the_jobs_clock() -> None:
    job = hourly()
    moment = NOON.replace(month=1, day=1, hour=1)
    ended = {"state": State.SUCCEEDED, "started_at": moment, "finished_at": moment}
    run = make_execution(job, scheduled_for=moment, **ended)
    skipped = {"state": State.SKIPPED, "finished_at": moment, "reason": "Paused by ada. [bold]Why not[/bold]"}
    make_execution(job, scheduled_for=moment + timedelta(hours=1), **skipped)
    shown = told("films", *DAY, "--dry-run")
    assert "Thu 2026-01-01 00:00:00 CET" in shown
    assert f"succeeded (#{run.pk})" in shown
    assert "Paused by ada. [bold]Why not[/bold]" in shown
    assert "14 more" in shown
    assert "24 moments: 1 succeeded or still going, 23 to run." in shown
    assert not Backfill.objects.exists()


def test_it_shows_the_same_to_a_program() -> None:
    hourly()
    shown = json.loads(told("films", *DAY, "--dry-run", "--json"))
    assert (shown["total"], shown["to_run"], len(shown["moments"])) == (24, 24, 24)
    assert shown["moments"][0] == {"moment": "2025-12-31T23:00:00+00:00", "state": None, "run": None, "reason": ""}


@pytest.mark.parametrize(
    ("first", "last", "until"),
    [
        ("2026-01-01", "2026-01-02", "2026-01-02T22:59:59.999999+00:00"),
        ("2026-01-01 02:00", "2026-01-01 04:00", "2026-01-01T03:00:00+00:00"),
        ("2026-01-01T02:00Z", "2026-01-01T04:00-05:00", "2026-01-01T09:00:00+00:00"),
        ("2026-03-01", "2026-03-02", NOON.isoformat()),  # the day that has not ended
        ("2026-03-01", None, NOON.isoformat()),
    ],
)
def test_a_range_is_read_on_the_clock_of_the_job(first: str, last: str | None, until: str) -> None:
    assert read_range(hourly(), first, last, NOON)[1].astimezone(NOON.tzinfo).isoformat() == until


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("film", *DAY), "Did you mean films"),
        (("films", "--from=yesterday"), "is no moment"),
        (("films", "--from=2020-01-01"), "at most 10,000"),
        (("films", "--from=2026-01-01", "--to=2999-01-01 00:00"), "beyond now"),
        (("films", *DAY, "--at-once=99", "--yes"), "From one to 3"),
        (("films", *DAY, "--per-minute=0", "--yes"), "no backfill"),
        (("films",), "--from"),
        ((), "Give a job"),
        (("--stop=1",), "There is no backfill 1"),
        (("stop", "1"), "There is no backfill 1; see: manage.py backfill list"),
        (("show", "1"), "There is no backfill 1"),
        (("list", "--limit=0"), "from 1 to 1,000"),
        (("list", "--job=film"), "Did you mean films"),
    ],
)
def test_what_makes_no_sense_is_refused(options: tuple[str, ...], said: str) -> None:
    hourly()
    with pytest.raises(CommandError, match=said) as refused:
        told(*options)
    assert refused.value.returncode == 2
    assert not Backfill.objects.exists()


def test_of_a_deleted_job_it_says_who_deleted_it() -> None:
    store.delete(hourly(), by="ada", now=NOON)
    with pytest.raises(CommandError, match="was deleted by ada"):
        told("films", *DAY)


@pytest.mark.parametrize(("answer", "begins"), [("y", True), ("YES ", True), ("", False), ("no", False)])
def test_it_asks_before_it_begins(monkeypatch: pytest.MonkeyPatch, answer: str, begins: bool) -> None:
    hourly()
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    if begins:
        assert "24 to come" in told("films", *DAY, "--no-wait", "--order=newest", "--again", "--alongside")
        backfill = Backfill.objects.get()
        assert (backfill.newest_first, backfill.again, backfill.alongside) == (True, True, True)
    else:
        with pytest.raises(CommandError, match="Nothing was started"):
            told("films", *DAY, "--no-wait")
        assert not Backfill.objects.exists()


def test_nobody_at_the_keyboard_must_say_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    hourly()
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    with pytest.raises(CommandError, match="give --yes"):
        told("films", *DAY)


def test_where_nothing_is_to_run_it_says_so_and_ends_well() -> None:
    job = hourly()
    moment = timezone.now().replace(minute=0, second=0, microsecond=0)
    ended = {"state": State.SUCCEEDED, "started_at": moment, "finished_at": moment}
    make_execution(job, scheduled_for=moment, **ended)
    assert "1 moment: 1 succeeded or still going, 0 to run." in told("films", f"--from={moment.isoformat()}")
    assert not Backfill.objects.exists()


def test_it_stops_a_backfill() -> None:
    hourly()
    told("films", *DAY, "--yes", "--no-wait")
    backfill = Backfill.objects.get()
    assert "is stopped" in told(f"--stop={backfill.pk}")
    assert "was not going" in told(f"--stop={backfill.pk}")
    backfill.refresh_from_db()
    assert (backfill.state, backfill.ended_by) == (BackfillState.STOPPED, by())
    assert not Execution.objects.exists()


def begun(*options: str) -> Backfill:
    told("films", *DAY, "--yes", "--no-wait", *options)
    return Backfill.objects.latest("pk")


def test_backfills_are_listed_with_how_far_each_is() -> None:
    hourly()
    old, new = begun(), begun("--from=2026-01-01 05:00", "--again")
    store.stop_backfill(old, by="ada", now=NOON)
    make_execution(backfill=new, state=State.SUCCEEDED, started_at=NOON, finished_at=NOON)
    Backfill.objects.filter(pk=new.pk).update(queued=1)
    _, first, second = told("list").splitlines()
    for words in (f"{new.pk} ", "films", "going", "2026-01-01 04:00", "1 of 19: 18 to come, 1 succeeded"):
        assert words in first
    assert "stopped" in second
    listed = json.loads(told("list", "--json"))
    assert [(each["id"], each["state"]) for each in listed] == [(new.pk, "going"), (old.pk, "stopped")]
    assert (listed[0]["progress"]["succeeded"], listed[1]["ended_by"]) == (1, "ada")
    assert [each["id"] for each in json.loads(told("list", "--state=stopped", "--json"))] == [old.pk]
    assert len(json.loads(told("list", "--job=films", "--limit=1", "--json"))) == 1


def test_one_backfill_is_shown_with_its_latest_runs() -> None:
    job = hourly()
    backfill = begun("--reason=the feed [was] down", "--per-minute=5", "--order=newest")
    run = make_execution(job, backfill=backfill, state=State.RUNNING, worker_id=make_worker().pk, started_at=NOON)
    shown = told("show", str(backfill.pk))
    for words in ("Wed 2025-12-31 23:00:00 UTC to ", "0 of 24", "the newest first, 1 at once, at most 5 a minute"):
        assert words in shown
    for words in ("the feed [was] down", f"by {by()}", f"#{run.pk} ", f"manage.py backfill stop {backfill.pk}"):
        assert words in shown
    whole = json.loads(told("show", str(backfill.pk), "--json"))
    assert (whole["job"], whole["progress"]["total"]) == ("films", 24)
    assert [each["id"] for each in whole["runs"]] == [run.pk]


def test_a_backfill_is_stopped_with_a_reason() -> None:
    hourly()
    backfill = begun()
    answer = {"backfill": backfill.pk, "job": "films", "state": "stopped", "changed": True}
    assert json.loads(told("stop", str(backfill.pk), "--reason=wrong day", "--json")) == answer
    shown = told("show", str(backfill.pk))
    assert f"by {by()}: wrong day" in shown
    assert "manage.py backfill stop" not in shown


def test_a_job_may_have_the_name_of_a_deed() -> None:
    hourly(id="list")
    assert "24 moments" in told("start", "list", *DAY, "--dry-run")
