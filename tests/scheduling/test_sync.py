"""sync: what the code declares comes in, what staff changed stays, and one bad job stops none."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.tasks.base import Task

from scheduling import registry, store
from scheduling.exceptions import SchedulingError
from scheduling.models import Change, Job, Origin
from scheduling.registry import scheduled
from scheduling.sync import REMOVED, back_to_code, bring, sync
from tests.factories import ECHO, NOON, make_job
from tests.workload.tasks import echo, fail

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=1)
Declare = Callable[..., None]


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Declare a job in a code base that has no other; the same id again is a new version of it."""
    monkeypatch.setattr(registry, "_declarations", {})

    def declare(task: Task = echo, trigger: str = "cron", **keywords: Any) -> None:
        scheduled(trigger, **{"id": "films", "hour": 2, "minute": 0, **keywords})(task)

    return declare


def withdraw() -> None:
    registry._declarations.clear()


def films() -> Job:
    return Job.objects.get(pk="films")


def defined(job: Job) -> dict[str, Any]:
    """What the code last said of `job`."""
    assert job.code_definition is not None
    return dict(job.code_definition)


def deeds(now: Any = LATER) -> dict[str, str]:
    return {synced.job: synced.deed for synced in sync(now)}


def test_a_declared_job_is_created_and_armed(declare: Declare) -> None:
    declare(name="All films", priority=5, timeout=90, tags=["trakt"])
    assert deeds(NOON) == {"films": "created"}
    job = films()
    assert (job.name, job.task, job.cron, job.priority) == ("All films", ECHO, "0 2 * * *", 5)
    assert (job.timeout, job.tags, job.origin) == (timedelta(seconds=90), ["trakt"], Origin.CODE)
    assert job.next_run_time == NOON.replace(hour=2) + timedelta(days=1)


def test_the_same_declaration_again_changes_nothing(declare: Declare) -> None:
    declare(tags=("a", "b"), arguments={"value": (1, 2)}, start_date="2026-01-01 00:00:00")
    sync(NOON)
    before = Job.objects.values().get()
    assert deeds() == {"films": "unchanged"}
    assert Job.objects.values().get() == before
    assert Change.objects.count() == 1


def test_what_the_code_changed_and_staff_did_not_is_updated(declare: Declare) -> None:
    declare(priority=1)
    sync(NOON)
    declare(priority=2, max_attempts=3)
    (synced,) = sync(LATER)
    assert (synced.deed, set(synced.columns)) == ("changed", {"priority", "max_attempts"})
    assert (films().priority, films().max_attempts) == (2, 3)


def test_an_argument_that_turns_from_one_to_true_is_updated(declare: Declare) -> None:
    declare(arguments={"value": 1})
    sync(NOON)
    declare(arguments={"value": True})
    assert deeds() == {"films": "changed"}
    assert films().arguments["value"] is True


def test_what_staff_changed_and_the_code_did_not_stays(declare: Declare) -> None:
    declare(priority=1)
    sync(NOON)
    Job.objects.update(priority=50, name="Renamed")
    declare(priority=1)
    assert deeds() == {"films": "unchanged"}
    assert (films().priority, films().name) == (50, "Renamed")


def test_what_both_changed_stays_as_staff_set_it(declare: Declare) -> None:
    declare(priority=1)
    sync(NOON)
    Job.objects.update(priority=50)
    declare(priority=2)
    (synced,) = sync(LATER)
    assert (synced.deed, synced.columns) == ("kept", ("priority",))
    assert films().priority == 50
    assert defined(films())["priority"] == 2


def test_columns_are_merged_one_by_one(declare: Declare) -> None:
    declare(priority=1, description="old")
    sync(NOON)
    Job.objects.update(priority=50)
    declare(priority=2, description="new")
    sync(LATER)
    assert (films().priority, films().description) == (50, "new")


def test_a_job_that_staff_made_by_hand_is_not_overwritten(declare: Declare) -> None:
    make_job(id="films", cron="0 5 * * *", priority=9)
    declare(priority=1)
    sync(LATER)
    job = films()
    assert (job.cron, job.priority, job.origin) == ("0 5 * * *", 9, Origin.ADMIN)
    assert defined(job)["cron"] == "0 2 * * *"


def test_the_next_run_moves_only_when_the_trigger_changed(declare: Declare) -> None:
    declare()
    sync(NOON)
    moved = NOON + timedelta(minutes=3)
    Job.objects.update(next_run_time=moved)
    declare(description="new")
    sync(NOON)
    assert films().next_run_time == moved
    declare(description="new", hour=4)
    sync(NOON)
    assert films().next_run_time == NOON.replace(hour=4) + timedelta(days=1)


def test_a_paused_job_is_never_resumed(declare: Declare) -> None:
    declare()
    sync(NOON)
    store.pause(films(), by="ada", now=NOON)
    declare(hour=4)
    sync(LATER)
    job = films()
    assert (job.paused_by, job.next_run_time, job.cron) == ("ada", None, "0 4 * * *")


def test_a_job_whose_declaration_is_gone_is_parked_and_comes_back_with_it(declare: Declare) -> None:
    declare()
    sync(NOON)
    withdraw()
    assert deeds() == {"films": "parked"}
    assert (films().parked_reason, films().next_run_time) == (REMOVED, None)
    assert deeds() == {}
    declare()
    sync(LATER)
    assert films().parked_reason == ""
    assert films().next_run_time == LATER.replace(hour=2) + timedelta(days=1)


def test_jobs_of_staff_and_of_the_api_are_not_parked(declare: Declare) -> None:
    make_job(id="by-hand")
    bring(registry.Declaration("by-api", ECHO, make_job().schedule, {}), NOON, Origin.API)
    assert deeds() == {}


def test_a_job_parked_for_want_of_its_task_is_unparked_when_the_task_is_there(declare: Declare) -> None:
    job = make_job(id="by-hand", parked_reason=f"No task {ECHO!r} is registered.", next_run_time=None)
    gone = make_job(task="tests.workload.tasks.gone", parked_reason="No task.", next_run_time=None)
    assert deeds(NOON) == {"by-hand": "unparked"}
    job.refresh_from_db()
    gone.refresh_from_db()
    assert (job.parked_reason, job.next_run_time) == ("", NOON + timedelta(minutes=1))
    assert gone.parked_reason == "No task."


def test_a_job_that_cannot_run_does_not_keep_the_others_from_coming_in(declare: Declare) -> None:
    declare()
    sync(NOON)
    Job.objects.update(arguments={"dropped_in_this_version": 1})  # staff's own, which fitted the last version
    declare(id="zoo")
    assert deeds() == {"films": "refused", "zoo": "created"}


def test_back_to_code_gives_every_column_the_value_of_the_code(declare: Declare) -> None:
    declare(priority=1, start_date="2026-01-01 00:00:00", backoff=timedelta(seconds=7))
    sync(NOON)
    as_declared = {name: getattr(films(), name) for name in defined(films())}
    Job.objects.update(priority=50, cron="0 5 * * *", backoff=timedelta(hours=1), start_at=None)
    job = films()
    assert back_to_code(job, by="ada", now=NOON)
    assert {name: getattr(films(), name) for name in as_declared} == as_declared
    assert films().next_run_time == NOON.replace(hour=2) + timedelta(days=1)
    assert not back_to_code(films(), by="ada", now=NOON)


def test_a_job_without_a_definition_in_code_cannot_go_back_to_it() -> None:
    assert not back_to_code(make_job(), by="ada", now=NOON)


@pytest.mark.parametrize(
    "wrong",
    [{"priority": 999}, {"max_attempts": 0}, {"overlap": "never"}, {"id": "bad id/.."}, {"jitter": -5}],
    ids=["priority", "attempts", "overlap", "id", "span"],
)
def test_a_declaration_that_no_job_can_keep_is_refused_alone(declare: Declare, wrong: dict[str, Any]) -> None:
    declare(id="good")
    declare(**{"id": "bad", **wrong})
    assert deeds() == {"good": "created", wrong.get("id", "bad"): "refused"}


def test_a_trigger_that_staff_changed_stays_whole_when_the_code_changes_its_kind(declare: Declare) -> None:
    declare()
    deeds(NOON)
    job = films()
    job.cron = "0 5 * * *"
    store.change(job, ["cron"], by="ada", now=NOON)
    before = films().next_run_time
    scheduled("interval", id="films", minutes=5)(echo)
    assert deeds() == {"films": "kept"}
    job = films()
    assert (job.trigger, job.cron, job.interval, job.next_run_time) == ("cron", "0 5 * * *", None, before)


def test_two_tasks_cannot_declare_the_same_job(declare: Declare) -> None:
    declare()
    with pytest.raises(SchedulingError, match="Two jobs are declared as 'films'"):
        declare(task=fail)


def test_the_decorator_says_on_which_side_of_task_it_goes(declare: Declare) -> None:
    with pytest.raises(TypeError, match="above @task"):
        scheduled("cron", hour=2)(echo.func)  # type: ignore[arg-type]


def test_a_job_waits_for_the_settings_that_it_needs(declare: Declare) -> None:
    missing = ["CONTACT", "TOKEN"]
    declare(needs=lambda: missing)
    assert deeds(NOON) == {"films": "waiting"}
    assert not Job.objects.exists()
    missing.clear()
    assert deeds(NOON) == {"films": "created"}
    missing.append("TOKEN")
    assert deeds() == {"films": "parked"}
    assert films().parked_reason.startswith("Set TOKEN in the environment")
    assert deeds() == {"films": "waiting"}
    missing.clear()
    assert deeds()["films"] in {"unparked", "unchanged"}
    assert films().next_run_time is not None
