"""What add_job refuses, or keeps and says so, instead of doing nothing or failing without a name."""

import logging
from typing import Any

import pytest
from apscheduler.jobstores.base import ConflictingIdError

from scheduling import store
from scheduling.background import BackgroundScheduler
from scheduling.exceptions import InvalidArguments
from scheduling.models import Job
from scheduling.registry import check_storable
from tests.factories import ECHO, NOON
from tests.workload.tasks import echo

pytestmark = pytest.mark.django_db


def by_hand(**columns: Any) -> Job:
    plain = {"name": "Films", "task": ECHO, "trigger": "cron", "cron": "0 5 * * *"}
    return store.create(Job(**{"pk": "films", **plain, **columns}), by="ada", now=NOON)


def add(**keywords: Any) -> Any:
    return BackgroundScheduler().add_job(echo, "cron", hour=2, id="films", replace_existing=True, **keywords)


def test_a_job_of_somebody_else_that_runs_another_task_is_not_replaced() -> None:
    by_hand(task="tests.workload.tasks.says")
    with pytest.raises(ConflictingIdError, match=r"was made by ada and runs tests\.workload\.tasks\.says: take"):
        add()
    assert Job.objects.get().code_definition is None


def test_what_is_kept_of_a_job_of_somebody_else_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    by_hand()
    with caplog.at_level(logging.WARNING, "scheduling"):
        add(name="Films")
        (record,) = caplog.records
        assert record.getMessage().startswith("It was made elsewhere and keeps its cron; ")
        add(name="Films")
    assert len(caplog.records) == 1
    assert Job.objects.get().cron == "0 5 * * *"


def test_positional_ones_that_are_no_list_are_refused_all_the_same() -> None:
    with pytest.raises(InvalidArguments, match="Arguments must be JSON: "):
        check_storable({"*": 5, "value": float("nan")})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"args": [object()]}, "number 1"),
        ({"args": [1, float("nan")]}, "number 2"),
        ({"kwargs": {"value": {1}}}, "'value'"),
    ],
)
def test_an_argument_that_is_no_json_is_named(given: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidArguments, match=f"Arguments must be JSON, and {named} is not: "):
        BackgroundScheduler().add_job("tests.workload.tasks:says" if len(given.get("args", [])) == 2 else echo, **given)
    assert not Job.objects.exists()
