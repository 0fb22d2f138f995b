"""A queue that is not there, and a date that has passed: refused at each door, with the name of the field."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from scheduling import store
from scheduling.background import BackgroundScheduler
from scheduling.exceptions import InvalidJob, InvalidTrigger
from scheduling.models import Job
from tests.factories import ECHO, NOON, make_job
from tests.scheduling.api.caller import Caller
from tests.workload.tasks import echo

pytestmark = pytest.mark.django_db
GONE = "There is no queue 'nope'; choose from: default, light."
PAST = "2020-01-01T00:00:00Z"


@pytest.fixture
def api() -> Any:
    """Gives the status, and what is told of which field."""
    caller = Caller("view_job", "add_job", "change_job")

    def ask(method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, str]]:
        answer = caller.send(method, f"jobs{path}", body)
        return answer.status_code, {each["field"]: each["detail"] for each in answer.json().get("errors", [])}

    return ask


def new(**schedule: Any) -> dict[str, Any]:
    return {"id": "films", "task": ECHO, "schedule": schedule}


def test_a_job_is_not_made_for_a_queue_that_is_not_there() -> None:
    with pytest.raises(InvalidJob, match=GONE) as caught:
        store.create(Job(pk="films", name="Films", task=ECHO, trigger="manual", queue="nope"), by="ada", now=NOON)
    assert caught.value.field == "queue"
    assert not Job.objects.exists()


def test_a_queue_that_is_gone_may_stay_and_not_be_chosen() -> None:
    job = make_job(queue="gone")
    job.name = "Films"
    assert store.change(job, ["name", "queue"], by="ada", now=NOON)
    job.queue = "nope"
    with pytest.raises(InvalidJob, match=GONE):
        store.change(job, ["queue"], by="ada", now=NOON)
    assert Job.objects.get().queue == "gone"


def test_an_executor_of_that_name_is_refused_in_python() -> None:
    scheduler = BackgroundScheduler()
    with pytest.raises(InvalidJob, match=GONE):
        scheduler.add_job(echo, "cron", hour=2, id="films", executor="nope")
    scheduler.add_job(echo, "cron", hour=2, id="films", executor="light")
    with pytest.raises(InvalidJob, match=GONE):
        scheduler.modify_job("films", executor="nope")


def test_the_api_names_the_queue(api: Any) -> None:
    assert api("POST", "", {**new(trigger="manual"), "queue": "nope"}) == (422, {"queue": GONE})
    make_job(id="films", queue="gone")
    assert api("PATCH", "/films", {"queue": "nope"}) == (422, {"queue": GONE})
    assert api("PATCH", "/films", {"queue": "gone", "name": "Films"})[0] == 200


def test_the_api_takes_no_date_that_has_passed(api: Any) -> None:
    status, told = api("POST", "", new(trigger="date", run_at=PAST))
    assert (status, list(told)) == (422, ["schedule.run_at"])
    assert "choose a later one, or run the job by hand" in told["schedule.run_at"]
    assert not Job.objects.exists()
    make_job(id="films")
    assert api("PATCH", "/films", {"schedule": {"trigger": "date", "run_at": PAST}})[1].keys() == {"schedule.run_at"}
    assert api("PATCH", "/films", {"schedule": {"trigger": "date", "run_at": "2050-01-01T00:00:00Z"}})[0] == 200


def test_a_date_that_has_run_may_be_sent_back_as_it_is(api: Any) -> None:
    make_job(id="films", trigger="date", cron="", run_at="2020-01-01T00:00:00Z", next_run_time=None)
    body = {"name": "Films", "schedule": {"trigger": "date", "run_at": PAST}}
    assert api("PATCH", "/films", body)[0] == 200
    assert Job.objects.get().name == "Films"


def test_the_moment_of_now_has_passed() -> None:
    job = Job(trigger="date", run_at=NOON)
    with pytest.raises(InvalidTrigger, match="has passed") as caught:
        store.check_ahead(job.schedule, NOON)
    assert caught.value.field == "run_at"
    store.check_ahead(job.schedule, NOON - timedelta(microseconds=1))


def test_what_code_and_imports_bring_in_may_have_run() -> None:
    now = timezone.now()
    job = Job(pk="films", name="Films", task=ECHO, trigger="date", run_at=now - timedelta(days=1))
    assert store.create(job, by="ada", now=now).next_run_time is None
