"""`manage.py importjobs`: what it shows, what it creates, and how it ends."""

import io
import json
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from apscheduler.triggers.cron import CronTrigger
from django.core.management import CommandError, call_command
from django_apscheduler.models import DjangoJob

from scheduling.models import Change, Job
from tests.factories import ECHO, make_job
from tests.scheduling.transfer.test_apscheduler import FUNC
from tests.scheduling.transfer.test_commands import said

pytestmark = pytest.mark.django_db
GOOD = "30 2 * * * python manage.py echo\n"
BAD = "0 3 * * * /usr/bin/backup\n"


@pytest.fixture(autouse=True)
def standing_clock() -> Iterator[None]:
    with time_machine.travel(datetime(2026, 3, 26, 12, tzinfo=UTC), tick=False):
        yield


def lines(folder: Path, text: str) -> tuple[str, ...]:
    file = folder / "crontab"
    file.write_text(text)
    return ("importjobs", "crontab", str(file))


def ended_with_1(*command: str) -> str:
    out = io.StringIO()
    with pytest.raises(CommandError) as ended:
        call_command(*command, stdout=out)
    assert ended.value.returncode == 1
    return out.getvalue()


def test_by_default_it_shows_jobs_that_can_be_imported_and_writes_nothing(tmp_path: Path) -> None:
    text = said(*lines(tmp_path, GOOD))
    assert "# line 1: 30 2 * * * python manage.py echo" in text
    assert not Job.objects.exists()
    file = tmp_path / "jobs.yaml"
    file.write_text(text)
    said("jobs", "import", str(file))
    assert Job.objects.get().cron == "30 2 * * *"


def test_what_cannot_be_translated_is_told_with_a_map_to_fill_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = lines(tmp_path, GOOD + BAD)
    ended_with_1(*command)
    told = capsys.readouterr().err
    assert "Cannot be translated: line 2: 0 3 * * * /usr/bin/backup" in told
    outline = told.partition("\n\n")[2].partition("\n\n")[2].partition("\nHere a due")[0]
    file = tmp_path / "map.yaml"
    file.write_text(outline.replace("task: ''", f"task: {ECHO}"))
    text = said(*command, "--task-map", str(file))
    assert "- id: echo\n" in text
    assert "- id: backup\n" in text


def test_what_is_otherwise_here_is_told_only_of_jobs_that_are_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = lines(tmp_path, GOOD)
    said(*command, "--apply")
    assert "(overlap: skip)" in capsys.readouterr().err
    said(*command, "--apply")
    assert not capsys.readouterr().err


def test_apply_creates_what_can_be_and_says_who_and_why(tmp_path: Path) -> None:
    command = lines(tmp_path, GOOD + BAD)
    told = ended_with_1(*command, "--apply")
    assert told.splitlines()[0] == "echo: created."
    assert "or they run twice" in told
    job = Job.objects.get()
    assert (job.cron, job.next_run_time) == ("30 2 * * *", datetime(2026, 3, 27, 2, 30, tzinfo=UTC))
    assert Change.objects.get().reason == "taken over from the crontab"
    assert "echo: was there already; left as it is." in ended_with_1(*command, "--apply")
    assert Change.objects.count() == 1


def test_a_job_that_is_there_and_differs_is_left_alone(tmp_path: Path) -> None:
    make_job(id="echo", cron="0 5 * * *")
    assert "echo: was there already, and differs; left as it is." in said(*lines(tmp_path, GOOD), "--apply")
    assert Job.objects.get().cron == "0 5 * * *"


def test_for_a_move_the_jobs_can_stand_still_until_they_are_resumed(tmp_path: Path) -> None:
    told = said(*lines(tmp_path, GOOD + GOOD), "--apply", "--paused")
    assert told.endswith("manage.py jobs resume echo echo-2\n")
    assert set(Job.objects.values_list("paused_reason", "next_run_time")) == {
        ("Taken over from the crontab; resume it when it is switched off there.", None)
    }


def test_the_comparison_marks_what_only_one_of_them_would_do(tmp_path: Path) -> None:
    told = said(*lines(tmp_path, GOOD), "--would-have-fired", "--timezone", "Europe/Berlin")
    assert told.splitlines() == [
        "echo  30 2 * * *  7 moments the same",
        "    = Fri 2026-03-27 02:30:00 CET",
        "    = Sat 2026-03-28 02:30:00 CET",
        "    = Sun 2026-03-29 03:00:00 CEST",
        "      …",
        "    = Tue 2026-03-31 02:30:00 CEST",
        "    = Wed 2026-04-01 02:30:00 CEST",
        "    = Thu 2026-04-02 02:30:00 CEST",
    ]


def test_differences_end_it_with_1_for_a_program_too() -> None:
    from_apscheduler("30 2")
    told = ended_with_1("importjobs", "django-apscheduler", "--would-have-fired")
    assert "    > Sun 2026-03-29 03:00:00 CEST  only here" in told
    told = ended_with_1("importjobs", "django-apscheduler", "--would-have-fired", "--json")
    (one,) = json.loads(told)["comparison"]
    assert (one["same"], one["only_here"]) == (False, 1)
    assert {"moment": "2026-03-29T01:00:00+00:00", "there": False, "here": True} in one["moments"]
    june = said("importjobs", "django-apscheduler", "--would-have-fired", "--starting", "2026-06-01", "--days", "3")
    assert "3 moments the same" in june


def from_apscheduler(text: str) -> None:
    """A row of django-apscheduler for a registered task."""
    minute, hour = text.split()
    state = {
        "version": 1,
        "func": FUNC,
        "trigger": CronTrigger(hour=hour, minute=minute, timezone="Europe/Berlin"),
        "args": [],
        "kwargs": {"value": {"api_key": "not to be told"}},
        "name": "echo",
        "executor": "default",
        "misfire_grace_time": 1,
        "coalesce": True,
        "max_instances": 1,
    }
    DjangoJob.objects.create(
        id="nightly", next_run_time=datetime(2026, 3, 27, tzinfo=UTC), job_state=pickle.dumps(state)
    )


def test_secrets_are_taken_over_and_not_shown() -> None:
    from_apscheduler("0 4")
    assert "not to be told" not in said("importjobs", "django-apscheduler")
    assert "not to be told" not in said("importjobs", "django-apscheduler", "--json")
    said("importjobs", "django-apscheduler", "--apply")
    assert Job.objects.get(pk="nightly").arguments == {"value": {"api_key": "not to be told"}}


def test_a_program_is_told_as_json(tmp_path: Path) -> None:
    told = json.loads(ended_with_1(*lines(tmp_path, GOOD + BAD), "--json"))
    assert told["jobs"][0]["job"] == {"id": "echo", "task": ECHO, "schedule": {"cron": "30 2 * * *"}}
    assert told["jobs"][0]["exists"] is False
    assert told["untranslated"][0]["where"] == "line 2"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("crontab",), "Give a FILE"),
        (("crontab", "a", "--user-crontab"), "Give a FILE"),
        (("crontab", "/none"), "cannot be read"),
        (("crontab", "-", "--timezone", "Mars"), "'Mars' is no known time zone"),
        (("crontab", "-", "--task-map", "/none"), "cannot be read"),
        (("crontab", "-", "--would-have-fired", "--starting", "soon"), "'soon' is no day"),
        (("crontab", "-", "--would-have-fired", "--days", "0"), "--days goes from 1 to 366"),
        (("django-celery-beat",), "has no table django_celery_beat_intervalschedule"),
    ],
)
def test_what_makes_no_sense_is_refused_with_2(
    command: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(GOOD))
    with pytest.raises(CommandError) as refused:
        said("importjobs", *command)
    assert message in str(refused.value)
    assert refused.value.returncode == 2


def test_the_crontab_of_the_user_is_asked_of_cron(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "crontab"
    program.write_text(f'#!/bin/sh\n[ "$1" = -l ] && printf "%s" "{GOOD}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert "- id: echo" in said("importjobs", "crontab", "--user-crontab")
    program.write_text('#!/bin/sh\necho "no crontab for ada" >&2\nexit 1\n')
    with pytest.raises(CommandError, match="no crontab for ada"):
        said("importjobs", "crontab", "--user-crontab")
