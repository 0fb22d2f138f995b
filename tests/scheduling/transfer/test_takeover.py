"""Which task of ours stands for a command elsewhere; and whether both would fire at the same moments."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.triggers.cron import CronTrigger

from scheduling.transfer.compare import MOST, compare
from scheduling.transfer.reading import Refused, read
from scheduling.transfer.sources import crontab, taskmap
from scheduling.transfer.sources.apscheduler import _moments
from scheduling.transfer.sources.found import Found
from scheduling.transfer.takeover import Drafted, Offer, offer, text_of
from tests.factories import ECHO, NOON, make_job

NOTE = "tests.workload.tasks.note"


def offered(*commands: str, rules: str = "", **columns: Any) -> Offer:
    entries = [Found(f"line {n}", each, schedule={"cron": "0 2 * * *"}, **columns) for n, each in enumerate(commands)]
    return offer(entries, taskmap.read(rules) if rules else [])


def job(command: str, rules: str = "", **columns: Any) -> dict[str, Any]:
    (draft,) = offered(command, rules=rules, **columns).drafted
    return draft.job


def reason(command: str, rules: str = "", **columns: Any) -> str:
    (left,) = offered(command, rules=rules, **columns).left
    return left.reason


@pytest.mark.django_db
@pytest.mark.parametrize(
    "command",
    [
        "tests.workload.tasks.echo",
        "tests.workload.tasks:echo",
        "python manage.py echo",
        "cd /srv/app && /srv/venv/bin/python ./manage.py echo >> /var/log/echo.log 2>&1",
        "cd /srv/app; DEBUG=1 X= python3 manage.py echo > /dev/null",
        "django-admin echo &>/dev/null",
    ],
)
def test_a_registered_task_is_found_by_its_name(command: str) -> None:
    assert job(command) == {"id": "echo", "task": ECHO, "schedule": {"cron": "0 2 * * *"}}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("/usr/bin/backup --full", "It is a command of a shell, and Rota runs tasks only"),
        ("echo 'unclosed", "It is a command of a shell"),
        ("python manage.py ecko", "No task is called ecko"),
        ("python manage.py", "No task is called "),
        ("python manage.py echo --value 'a b'", "but what becomes of \"--value 'a b'\"?"),
        ("tests.workload.tasks.ecko", "No task 'tests.workload.tasks.ecko' is registered here. Did you mean"),
        ("python manage.py note", "missing a required argument: 'path'"),
    ],
)
def test_what_no_task_stands_for_says_what_to_do(command: str, message: str) -> None:
    assert message in reason(command)


RULES = f"""\
version: 1
tasks:
  - command: backup --full
    id: backup
    task: {ECHO}
    arguments: {{value: '{{full}}'}}
  - pattern: 'sync --user=(?P<user>\\w+)(?: --days (?P<days>\\d+))?'
    id: sync-{{user}}
    task: {NOTE}
    arguments: {{path: '/tmp/{{user}}', text: '{{days}}'}}
    queue: light
    timeout: 2h
"""


@pytest.mark.django_db
def test_a_task_map_says_which_task_stands_for_what() -> None:
    assert job("backup --full", RULES) == {
        "id": "backup",
        "task": ECHO,
        "schedule": {"cron": "0 2 * * *"},
        "arguments": {"value": "{full}"},
    }
    mapped = job("cd / && sync --user=ada --days 5 2>&1", RULES, arguments={"gone": 1}, policies={"timeout": "1h"})
    assert mapped == {
        "id": "sync-ada",
        "task": NOTE,
        "schedule": {"cron": "0 2 * * *"},
        "arguments": {"path": "/tmp/ada", "text": "5"},  # noqa: S108
        "queue": "light",
        "timeout": "2h",
    }
    assert "It is a command of a shell" in reason("backup --full --now", RULES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1", "A task map is: version: 1"),
        ("version: 1\nrules: []", "A task map is"),
        ("version: 1\ntasks:\n  - task: a", "line 3: task map: Each task begins with a command (exactly) or a pattern"),
        ("version: 1\ntasks:\n  - command: a", "Write the path of the task"),
        ("version: 1\ntasks:\n  - {command: a, pattern: b, task: c}", "Each task begins"),
        ("version: 1\ntasks:\n  - {command: a, task: c, schedule: d}", "'schedule' is not known here"),
        ("version: 1\ntasks:\n  - {pattern: '(', task: c}", "'(' is no regular expression"),
    ],
)
def test_a_task_map_with_a_mistake_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        taskmap.read(text)
    assert message in str(refused.value)


def test_the_outline_of_a_task_map_is_one_that_can_be_read_once_filled_in() -> None:
    text = taskmap.skeleton({"backup 'a' #b": "line 3", "x: y": "line 4"}, [ECHO, NOTE])
    assert f"# The registered tasks are:\n#   {ECHO}\n#   {NOTE}\ntasks:\n" in text
    assert "the id of its job" in text
    rules = taskmap.read(text.replace("task: ''", f"task: {ECHO}"))
    assert [rule.job(calls) is not None for rule, calls in zip(rules, ("backup 'a' #b", "x: y"), strict=True)] == [
        True
    ] * 2


@pytest.mark.django_db
def test_ids_are_made_to_fit_and_told_apart() -> None:
    ids = [each.job["id"] for each in offered(*[ECHO] * 3, id="Films: all!", name="x" * 250).drafted]
    assert ids == ["Films:-all", "Films:-all-2", "Films:-all-3"]
    (draft,) = offered(ECHO, id="—").drafted
    assert draft.job["id"] == "job"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("command", "id"),
    [
        ("/usr/local/bin/backup.sh --full > /dev/null 2>&1", "backup.sh"),
        ("cd /srv && TZ=UTC both -v", "both"),
        ("/usr/bin/env A=1 python3.13 -u /srv/bin/sync_films.py ada", "sync_films.py"),
        ("python -m shop.sync", "shop.sync"),
        ("bash -c '/srv/nightly && echo done'", "nightly"),
        ("python manage.py clearsessions --noinput", "clearsessions"),
        ("/srv/Größe!", "Gr-e"),
        ("python", "python"),
        ("---", "job"),
    ],
)
def test_a_line_without_a_name_is_called_like_its_program(command: str, id: str) -> None:
    rules = f"version: 1\ntasks:\n  - {{pattern: '.*', task: {ECHO}}}"
    assert [each.job["id"] for each in offered(command, command, rules=rules).drafted] == [id, f"{id}-2"]


@pytest.mark.django_db
def test_a_task_map_names_a_job_before_its_program_does() -> None:
    assert (
        job("/usr/bin/both", f"version: 1\ntasks:\n  - {{command: /usr/bin/both, id: mine, task: {ECHO}}}")["id"]
        == "mine"
    )


@pytest.mark.django_db
def test_a_queue_that_is_not_here_becomes_the_default_and_is_told() -> None:
    (draft,) = offered(ECHO, policies={"queue": "celery", "misfire_grace_time": 3600, "jitter": 90}).drafted
    assert "queue" not in draft.job
    assert (draft.job["misfire_grace_time"], draft.job["jitter"]) == ("1h", "1m30s")
    assert draft.notes == ("there is no queue 'celery' here, so it goes to the queue default",)


@pytest.mark.django_db
def test_a_job_that_is_there_already_is_told_by_whether_it_is_the_same() -> None:
    assert [each.step.deed for each in offered(ECHO).drafted] == ["created"]
    make_job(id="echo", name="Echo", cron="0 2 * * *")
    assert [each.step.deed for each in offered(ECHO).drafted] == ["unchanged"]
    assert [each.step.deed for each in offered(ECHO, policies={"priority": 5}).drafted] == ["changed"]


@pytest.mark.django_db
def test_the_text_says_above_each_job_what_it_was() -> None:
    found = Found("line 3", ECHO, "0 2 * * *", schedule={"cron": "0 2 * * *"}, notes=("a\nb",), stopped="It is off.")
    text = text_of(offer([found], []).drafted)
    assert (
        "  # line 3: 0 2 * * * tests.workload.tasks.echo\n  # Note: a\n  # b.\n  # It is off. --apply creates" in text
    )
    assert read(text).value["jobs"][0]["id"] == "echo"


# When both would fire


def drafted(moments: Any, schedule: Any) -> Drafted:
    (draft,) = offer([Found("x", ECHO, schedule=schedule, moments=moments)], []).drafted
    return draft


@pytest.mark.django_db
def test_a_crontab_fires_here_when_cron_would_also_when_clocks_change() -> None:
    text = "30 2 * * * echo\n*/20 * * * * echo\n0 */3 * * 1-5 echo\n15 2 1-7 * 0 echo\n@hourly echo"
    for first in (datetime(2026, 3, 26, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)):
        for found in crontab.entries(text, "Europe/Berlin", system=False):
            compared = compare(drafted(found.moments, found.schedule), first, 10)
            assert compared.same, found.said
            assert compared.there


@pytest.mark.django_db
def test_differences_are_found_where_apscheduler_loses_a_run() -> None:
    """Its cron trigger, in the nights in which clocks change."""
    trigger = CronTrigger(hour=2, minute=30, timezone="Europe/Berlin")
    draft = drafted(_moments(trigger), {"cron": "30 2 * * *", "timezone": "Europe/Berlin"})
    compared = compare(draft, datetime(2026, 3, 26, tzinfo=UTC), 7)
    assert not compared.same
    assert [f"{at:%d %H:%M}" for at, there, here in compared.moments if here and not there] == ["29 01:00"]
    assert (len(compared.here), compared.only_here) == (7, 1)
    assert compare(draft, datetime(2026, 6, 1, tzinfo=UTC), 7).same


@pytest.mark.django_db
def test_a_comparison_of_very_many_moments_ends_where_both_were_counted() -> None:
    def every_tenth(first: datetime, until: datetime) -> Iterator[datetime]:
        while first < until:
            yield first
            first += timedelta(seconds=10)

    compared = compare(drafted(every_tenth, {"interval": "10s", "start_at": NOON.isoformat()}), NOON, 30)
    assert compared.same
    assert len(compared.here) == MOST
    assert compared.until - NOON < timedelta(days=30)
