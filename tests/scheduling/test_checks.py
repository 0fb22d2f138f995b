"""What `manage.py check` says of settings and jobs that cannot work."""

from typing import Any

import pytest
from django.core.checks import run_checks

from scheduling import registry
from scheduling.checks import check_declarations, check_jobs, check_settings
from scheduling.registry import scheduled
from tests.factories import make_job
from tests.workload.tasks import echo


def ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


def test_good_settings_are_good() -> None:
    assert check_settings() == []
    assert check_declarations() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ({"QUEUES": {"default": {"executor": "magic", "slots": 1}}}, "scheduling.E001"),
        ({"QUEUES": {"default": {"executor": "threads", "slots": 0}}}, "scheduling.E002"),
        ({"HEARTBEAT": 2, "STALE_AFTER": 5}, "scheduling.E003"),
    ],
)
def test_settings_that_cannot_work_are_errors(setting: dict[str, Any], error: str, settings: Any) -> None:
    settings.SCHEDULING = {**settings.SCHEDULING, **setting}
    assert error in ids(run_checks())


def test_a_declared_job_in_a_queue_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_declarations", {})
    scheduled("interval", minutes=5, queue="nowhere")(echo)
    (error,) = check_declarations()
    assert (error.id, error.msg) == (
        "scheduling.E004",
        "The job 'echo' names the queue 'nowhere', which is not configured.",
    )


@pytest.mark.django_db
def test_jobs_in_the_database_that_cannot_run_are_warnings() -> None:
    make_job()
    make_job(id="gone", task="tests.workload.tasks.gone")
    make_job(id="parked", next_run_time=None, parked_reason="Its definition is no longer in the code.")
    make_job(id="stuck", queue="nowhere")
    found = check_jobs(databases=["default"])
    assert ids(found) == ["scheduling.W001"] * 3
    assert [message.msg for message in found] == [
        "The job 'gone' cannot run: no task 'tests.workload.tasks.gone' is registered.",
        "The job 'parked' cannot run: it is parked: Its definition is no longer in the code.",
        "The job 'stuck' cannot run: its queue 'nowhere' is not configured.",
    ]


def test_the_database_is_not_asked_unless_django_says_so() -> None:
    assert check_jobs() == []
