"""A document into the database: all that it says is done, or nothing is, and every reason told."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from scheduling import registry, store
from scheduling.models import Calendar, Change, Job, Origin
from scheduling.registry import scheduled
from scheduling.sync import sync
from scheduling.transfer import apply as applying
from scheduling.transfer.documents import job_document
from scheduling.transfer.reading import Refused, read
from scheduling.transfer.writing import document
from tests.factories import ECHO, NOON, make_job
from tests.workload.tasks import echo

pytestmark = pytest.mark.django_db
FILMS = f"""\
version: 1
jobs:
  - id: films
    task: {ECHO}
    schedule: {{cron: 0 2 * * *, timezone: Europe/Berlin}}
    timeout: 1h30m
"""


def apply(text: str, **options: Any) -> dict[str, str]:
    """What became of each job."""
    done = applying.apply(read(text), by="ada", now=NOON, reason="import of jobs.yaml", **options)
    return {step.id: step.deed for step in done.jobs}


def refusals(text: str) -> list[str]:
    before = list(Job.objects.values())
    with pytest.raises(Refused) as refused:
        apply(text)
    assert list(Job.objects.values()) == before
    return [str(problem) for problem in refused.value.problems]


def exported(*jobs: Job, secrets: bool = True) -> str:
    return document([job_document(job, secrets=secrets) for job in jobs])


def films() -> Job:
    return Job.objects.get(pk="films")


def test_a_new_job_is_created_armed_and_on_record() -> None:
    assert apply(FILMS) == {"films": "created"}
    job = films()
    assert (job.name, job.cron, job.timezone, job.timeout) == (
        "Films",
        "0 2 * * *",
        "Europe/Berlin",
        timedelta(minutes=90),
    )
    assert job.next_run_time == NOON.replace(day=3, hour=1)
    change = Change.objects.get()
    assert (change.action, change.by, change.reason) == ("created", "ada", "import of jobs.yaml")


def test_the_same_document_again_changes_nothing() -> None:
    apply(FILMS)
    before = Job.objects.values().get()
    assert apply(FILMS) == {"films": "unchanged"}
    assert Job.objects.values().get() == before
    assert Change.objects.count() == 1


def test_what_the_document_says_otherwise_is_changed_and_the_rest_left_alone() -> None:
    apply(FILMS)
    store.pause(films(), by="bob", now=NOON)
    text = FILMS.replace("0 2 * * *", "0 4 * * *").replace("timeout: 1h30m", "priority: 5")
    (step,) = applying.plan(read(text)).jobs
    assert {path: tuple(map(str, pair)) for path, pair in step.fields.items()} == {
        "schedule.cron": ("0 2 * * *", "0 4 * * *"),
        "priority": ("default", "5"),
        "timeout": ("1h30m", "default"),
    }
    assert films().priority == 0
    assert apply(text) == {"films": "changed"}
    job = films()
    assert (job.cron, job.priority, job.timeout, job.paused_by) == ("0 4 * * *", 5, None, "bob")
    change = Change.objects.filter(action="changed").get()
    assert change.fields["cron"] == ["0 2 * * *", "0 4 * * *"]


@pytest.mark.parametrize(("old", "new"), [("1", "true"), ("1", "1.0"), ("[0, {a: 1}]", "[false, {a: 1}]")])
def test_values_that_only_python_takes_for_the_same_are_changed(old: str, new: str) -> None:
    text = FILMS + f"    arguments: {{value: {old}}}\n"
    apply(text)
    other = text.replace(f"value: {old}", f"value: {new}")
    (step,) = applying.plan(read(other)).jobs
    assert len(step.fields) == 1
    assert apply(other) == {"films": "changed"}
    assert json.dumps(films().arguments["value"]) == json.dumps(read(new).value)
    assert apply(other) == {"films": "unchanged"}


def test_a_double_in_one_line_is_found_too() -> None:
    one = f"{{id: a, task: {ECHO}, schedule: manual}}"
    assert refusals(f"version: 1\njobs: [{one}, {one}]") == [
        "line 2: job a: It is in the document twice; first in line 2."
    ]


def test_without_prune_other_jobs_stay() -> None:
    make_job(id="other")
    assert apply(FILMS) == {"films": "created"}
    assert Job.objects.filter(pk="other").exists()


def test_prune_removes_what_is_not_named_but_for_what_the_code_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_declarations", {})
    scheduled("cron", id="declared", hour=3)(echo)
    sync(NOON)
    make_job(id="other")
    assert apply(FILMS, prune=True) == {"films": "created", "declared": "kept", "other": "removed"}
    assert set(Job.objects.values_list("pk", flat=True)) == {"films", "declared"}
    assert Change.objects.get(job="other").reason == "import of jobs.yaml"


def test_an_import_is_an_edit_by_staff_which_the_code_does_not_undo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_declarations", {})
    scheduled("cron", id="films", hour=3, priority=1)(echo)
    sync(NOON)
    apply(exported(films()).replace("priority: 1", "priority: 50"))
    sync(NOON)
    assert (films().priority, films().origin) == (50, Origin.CODE)


def test_created_jobs_can_stand_still_at_first() -> None:
    apply(FILMS, paused=lambda job_id: f"{job_id} waits")
    job = films()
    assert (job.paused_by, job.paused_reason, job.next_run_time) == ("ada", "films waits", None)


def test_every_problem_is_told_with_its_line_and_nothing_is_done() -> None:
    make_job(id="films")
    text = f"""\
version: 1
calendars:
  - id: shop
    country: XX
jobs:
  - id: films
    task: {ECHO}
    schedule: {{cron: 1 2 * * *}}
  - id: bad
    task: tests.workload.tasks.ecko
    schedule:
      cron: 0 25 * * *
      timezon: UTC
    queue: lite
    calendars: [shop, shoq]
    timeout: soon
    max_instances: 0
    prioritty: 5
  - id: bad
    task: {ECHO}
    schedule: manual
    queue: lite
    timeout: soon
  - id: args
    task: {ECHO}
    schedule: manual
    arguments: {{valu: 1}}
  - id: two kinds
    task: {ECHO}
    schedule: {{cron: 0 2 * * *, interval: 5m}}
  - task: {ECHO}
"""
    assert refusals(text) == [
        "line 4: calendar shop: No holidays are known of a country 'XX'.",
        "line 10: job bad: No task 'tests.workload.tasks.ecko' is registered in the installed apps. "
        "Did you mean tests.workload.tasks.echo?",
        "line 12: job bad: The hour 25 is outside 0-23.",
        "line 13: job bad: 'timezon' is not known here. Did you mean timezone?",
        "line 14: job bad: There is no queue 'lite'. Did you mean light?",
        "line 15: job bad: There is no calendar 'shoq'. Did you mean shop?",
        "line 16: job bad: “soon” is no span of time; write it as 15 min, 2 h 30 min, 1 day, or as plain seconds.",
        "line 17: job bad: Ensure this value is greater than or equal to 1.",
        "line 18: job bad: 'prioritty' is not known here. Did you mean priority?",
        "line 19: job bad: It is in the document twice; first in line 9.",
        "line 22: job bad: There is no queue 'lite'. Did you mean light?",
        "line 23: job bad: “soon” is no span of time; write it as 15 min, 2 h 30 min, 1 day, or as plain seconds.",
        f"line 27: job args: {ECHO} takes (value: Any = None) -> Any: got an unexpected keyword argument 'valu'.",
        "line 28: job two kinds: An id starts with a letter or a digit and goes on with letters, digits, "
        "and any of _ . : -",
        "line 30: job two kinds: Give one of cron, interval and run_at, or write: schedule: manual.",
        "line 31: Each of the jobs begins with its id, a text.",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "A document begins with: version: 1"),
        ("- a", "A document begins with: version: 1"),
        ("version: 2", "line 1: Write version: 1, the one form that there is."),
        ("version: 1\njob: []", "line 2: 'job' is not known here. Did you mean jobs?"),
        ("version: 1\njobs: {a: 1}", "line 2: The jobs are a list"),
        ("version: 1\njobs: [a]", "begins with its id"),
        ("version: 1\njobs: [{id: 5}]", "begins with its id"),
        (FILMS.replace("1h30m", "yes"), "line 6: job films: “yes” is no span"),
        (FILMS.replace("timeout: 1h30m", "priority: 1.5"), "line 6: job films: 1.5 does not fit; write a whole number"),
        (FILMS.replace("timeout: 1h30m", "priority: 101"), "line 6: job films: Ensure this value is less than"),
        (FILMS.replace("timeout: 1h30m", "coalesce: yes"), "'yes' does not fit; write true or false"),
        (FILMS.replace("timeout: 1h30m", "overlap: never"), "'never' is not known; write one of skip, queue_one"),
        (FILMS.replace("timeout: 1h30m", "tags: a"), "This is a list of texts"),
        (FILMS.replace("timeout: 1h30m", "name: 5"), "5 does not fit; write a text"),
        (FILMS.replace("timeout: 1h30m", "arguments: [1]"), "Arguments are a JSON object"),
        (FILMS.replace("timeout: 1h30m", "arguments: {value: !secret ''}"), "the job has none to keep"),
        (
            FILMS.replace("Europe/Berlin", "Berlin"),
            "line 5: job films: 'Berlin' is no known time zone; write Europe/Be",
        ),
        (FILMS.replace("cron: 0 2 * * *", "trigger: never"), "'never' is no trigger; write one of cron, interval"),
        (FILMS.replace("cron: 0 2 * * *", "run_at: noon"), "'noon' is no moment; write it as 2026-05-03 10:00:00."),
        (FILMS.replace("cron: 0 2 * * *", "run_at: 5"), "5 is no moment"),
        (FILMS.replace("cron: 0 2 * * *", "interval: 0"), "The interval must be between a second and"),
        (FILMS.replace("schedule:", "# schedule:"), "line 3: job films: Give a schedule: manual, or a mapping"),
        (FILMS.replace("    task:", "    # task:"), "Give the path of a registered task"),
        (f"version: 1\njobs: [{{id: {'a' * 101}, schedule: manual, task: {ECHO}}}]", "at most 100 characters"),
        ("version: 1\ncalendars: [{id: a, windows: 5}]", "Windows are a list"),
        ("version: 1\ncalendars: [{id: a, windows: [{name: b}]}]", "Give a start and a later end, or a crontab"),
        ("version: 1\ncalendars: [{id: a, windows: [{nam: b}]}]", "'nam' is not known here. Did you mean name?"),
    ],
)
def test_what_cannot_be_is_refused_and_says_what_to_write(text: str, message: str) -> None:
    assert message in "\n".join(refusals(text))


def test_a_job_in_another_document_is_refused_alone_with_all_before_it() -> None:
    """The second job fails at its check, and the first, which is fine, is not created."""
    assert len(refusals(FILMS + "  - id: zoo\n    task: gone\n    schedule: manual\n")) == 1
    assert not Job.objects.exists()


def test_what_the_database_refuses_half_way_undoes_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    make_job(id="books", cron="0 1 * * *")
    create = store.create

    def refuse_zoo(job: Job, **given: Any) -> Job:
        if job.pk == "zoo":
            raise IntegrityError("no place for it")
        return create(job, **given)

    monkeypatch.setattr(store, "create", refuse_zoo)
    text = (
        f"{FILMS}  - {{id: books, task: {ECHO}, schedule: manual}}\n  - {{id: zoo, task: {ECHO}, schedule: manual}}\n"
    )
    assert refusals(text) == ["job zoo: no place for it"]
    assert not Change.objects.exists()


def test_a_secret_that_is_left_out_stays_as_it_is() -> None:
    job = make_job(id="films", arguments={"value": {"api_key": "abc", "limit": 1}})
    text = exported(job, secrets=False)
    assert "abc" not in text
    assert apply(text) == {"films": "unchanged"}
    assert apply(text.replace("limit: 1", "limit: 2")) == {"films": "changed"}
    assert films().arguments == {"value": {"api_key": "abc", "limit": 2}}


def test_a_changed_secret_is_told_without_its_value() -> None:
    job = make_job(id="films", arguments={"value": {"api_key": "abc"}})
    (step,) = applying.plan(read(exported(job).replace("abc", "xyz"))).jobs
    assert list(step.fields) == ["arguments.value.api_key"]
    assert "abc" not in str(step.fields)
    assert "xyz" not in str(step.fields)


def test_a_calendar_of_the_document_is_there_for_its_jobs_and_is_changed_as_a_whole() -> None:
    text = f"""\
version: 1
calendars:
  - id: shop
    country: DE
    windows:
      - {{name: Night, cron: 0 22 * * *, duration: 8h}}
jobs:
  - {{id: films, task: {ECHO}, schedule: {{cron: 0 2 * * *}}, calendars: [shop]}}
"""
    apply(text)
    calendar = Calendar.objects.get()
    assert (calendar.name, calendar.country, calendar.windows.get().duration) == ("Shop", "DE", timedelta(hours=8))
    (step,) = applying.plan(read(text.replace("8h", "9h"))).calendars
    assert step.fields == {"windows[0].duration": ("8h", "9h")}
    apply(text.replace("8h", "9h"))
    assert Calendar.objects.get().windows.get().duration == timedelta(hours=9)
    actions = Change.objects.filter(subject="calendar shop").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["created", "changed"]


def test_a_naive_moment_goes_by_the_clock_of_the_job() -> None:
    apply(FILMS.replace("timeout: 1h30m", "").replace("Europe/Berlin}", "Europe/Berlin, end_at: 2030-07-01}"))
    end = films().end_at
    assert end is not None
    assert end.isoformat() == "2030-06-30T22:00:00+00:00"
