"""Runs asked for on demand: one at a time through every door, and how they stand."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from scheduling.models import Execution, Job, State, Why
from tasks.exceptions import NotConfigured
from tasks.models import Status, TaskRecord
from tasks.tickets import background_worker
from tasks.tickets.on_demand import PAUSE_ASKED_FOR, AlreadyRunning, start
from tasks.tickets.status import pipeline_status
from tasks.tickets.worker import BackgroundWorker, NobodyRuns, PipelineFailed
from tests.factories import NOON, make_execution, make_worker

pytestmark = pytest.mark.django_db
SOON = timedelta(minutes=10)


def running(job: Job, **columns: Any) -> Execution:
    return make_execution(job, state=State.RUNNING, started_at=NOON, worker=make_worker(), **columns)


def ended(job: Job, state: State = State.SUCCEEDED, **columns: Any) -> Execution:
    return make_execution(job, state=state, **{"started_at": NOON, "finished_at": NOON, **columns})


def waiting_after(job: Job, error_class: str) -> Execution:
    """A run whose first attempt failed, and whose second waits."""
    first = ended(job, State.FAILED, error_class=error_class, error_message="Zendesk is away")
    return make_execution(job, root=first, attempt=2, why=Why.RETRY, run_after=NOON + SOON)


# Starting


def test_a_run_takes_along_what_was_asked_for(job: Job) -> None:
    run = start(("sync",), now=NOON, by="ada", backfill_days=7)
    assert (run.job_id, run.task, run.why, run.requested_by) == (job.pk, job.task, Why.API, "ada")
    assert run.arguments == {"stages": ["sync"], "backfill_days": 7}


@pytest.mark.parametrize("columns", [{}, {"why": Why.SCHEDULE}, {"run_after": NOON + SOON}])
def test_while_a_run_waits_there_is_no_second(job: Job, columns: dict[str, Any]) -> None:
    first = make_execution(job, **columns)
    with pytest.raises(AlreadyRunning, match=f"#{first.pk} is queued"):
        start(now=NOON, by="ada")
    assert Execution.objects.get() == first


def test_while_a_run_goes_there_is_no_second(job: Job) -> None:
    first = running(job, progress_text="analyze 120/500")
    with pytest.raises(AlreadyRunning, match=rf"#{first.pk} is running \(analyze 120/500\)"):
        start(now=NOON, by="ada")


def test_a_run_that_a_service_asked_to_wait_goes_on(job: Job) -> None:
    waiting_after(job, PAUSE_ASKED_FOR)
    with pytest.raises(AlreadyRunning, match="waiting for its next attempt at 12:10 UTC"):
        start(now=NOON, by="ada")
    assert pipeline_status().status == "running"


def test_a_run_that_waits_after_a_failure_gives_way(job: Job) -> None:
    waiting = waiting_after(job, "tasks.exceptions.PartsFailed")
    told = pipeline_status()
    assert (told.status, told.message) == ("failed", "To be tried again at 12:10 UTC. Zendesk is away")
    run = start(now=NOON, by="ada")
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == (State.CANCELLED, "It gave way to a run that was asked for.")
    assert run.state == State.QUEUED


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_one_gets_a_run(job: Job) -> None:
    def ask(number: int) -> bool:
        try:
            start(now=NOON, by=str(number))
        except AlreadyRunning:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(4))) == 1
    assert Execution.objects.count() == 1


def test_without_the_job_it_is_said_what_to_set(settings: Any) -> None:
    settings.TICKETS = {**settings.TICKETS, "ZENDESK_SUBDOMAIN": "", "ZENDESK_EMAIL": "a", "ZENDESK_API_TOKEN": "b"}
    with pytest.raises(NotConfigured, match=r"Set ZENDESK_SUBDOMAIN, then run: manage\.py syncjobs"):
        start(now=NOON, by="ada")


def test_a_parked_job_is_not_run(job: Job) -> None:
    Job.objects.update(parked_reason="Set ZENDESK_EMAIL.", next_run_time=None)
    with pytest.raises(NotConfigured, match="ZENDESK_EMAIL"):
        start(now=NOON, by="ada")


# How it stands


def test_without_any_run_it_is_idle(job: Job) -> None:
    make_execution(job, state=State.SKIPPED, finished_at=NOON)
    told = pipeline_status()
    assert (told.status, told.execution, told.stages) == ("idle", None, [])


@pytest.mark.parametrize(
    ("state", "columns", "status"),
    [
        (State.SUCCEEDED, {}, "completed"),
        (State.FAILED, {}, "failed"),
        (State.TIMED_OUT, {}, "failed"),
        (State.LOST, {}, "failed"),
        (State.CANCELLED, {}, "failed"),
        (State.CANCELLED, {"started_at": None}, "idle"),
    ],
)
def test_how_the_last_run_ended(job: Job, state: State, columns: dict[str, Any], status: str) -> None:
    ended(job, state, reason="Because.", **columns)
    assert pipeline_status().status == status


def test_the_stages_stand_each_for_itself(job: Job) -> None:
    run = running(job, progress=0.31, progress_text="analyze 1/4")
    closed = {"execution": run, "finished_at": NOON}
    TaskRecord.objects.create(
        task_name=run.task, label="sync", status=Status.SUCCEEDED, items_processed=3, items_succeeded=3, **closed
    )
    TaskRecord.objects.create(
        task_name=run.task, label="analyze", execution=run, progress=0.25, items_processed=1, items_failed=1
    )
    told = pipeline_status()
    assert (told.status, told.progress, told.message, told.stage) == ("running", 0.31, "analyze 1/4", "analyze")
    rows = [(each.name, each.status.value, each.progress, each.processed, each.failed) for each in told.stages]
    assert rows == [
        ("sync", "completed", 1.0, 3, 0),
        ("analyze", "running", 0.25, 1, 1),
        ("cluster", "waiting", None, 0, 0),
        ("trends", "waiting", None, 0, 0),
    ]


def test_a_stage_whose_process_was_killed_is_interrupted(job: Job) -> None:
    run = ended(job, State.LOST)
    TaskRecord.objects.create(task_name=run.task, label="sync", execution=run)
    statuses = [each.status.value for each in pipeline_status().stages]
    assert statuses == ["interrupted", "left out", "left out", "left out"]


def test_what_an_earlier_attempt_has_done_counts(job: Job) -> None:
    waiting = waiting_after(job, PAUSE_ASKED_FOR)
    TaskRecord.objects.create(
        task_name=waiting.task, label="sync", execution=waiting.root, status=Status.SUCCEEDED, finished_at=NOON
    )
    assert pipeline_status().stages[0].status == "completed"


def test_arguments_that_staff_have_bent_break_nothing(job: Job) -> None:
    ended(job, arguments={"stages": "sync", "else": 1})
    assert [each.name for each in pipeline_status().stages] == ["sync", "analyze", "cluster", "trends"]


def test_it_takes_few_queries(job: Job, django_assert_max_num_queries: Any) -> None:
    waiting_after(job, PAUSE_ASKED_FOR)
    with django_assert_max_num_queries(5):
        pipeline_status()


# Python


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets every run end so, as soon as somebody looks at it."""

    def will(state: State, **columns: Any) -> None:
        def look(run: Execution) -> tuple[Execution, bool]:
            this = Execution.objects.filter(pk=run.pk)
            this.update(state=State.RUNNING, started_at=NOON, worker=make_worker())
            this.update(state=state, finished_at=NOON, **columns)
            return Execution.objects.get(pk=run.pk), True

        monkeypatch.setattr("tasks.tickets.worker._look", look)

    return will


WORKER = BackgroundWorker(every=0, patience=0)


def in_a_loop[T](work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns, in a thread of its own: a browser of other tests leaves its loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@pytest.mark.django_db(transaction=True)
def test_a_program_waits_for_its_run_and_gets_the_result(job: Job, scheduler: Callable[..., None]) -> None:
    scheduler(State.SUCCEEDED, result={"sync": {"new": 3}})
    assert in_a_loop(WORKER.run_sync(backfill_days=7)) == {"sync": {"new": 3}}
    run = Execution.objects.get()
    assert (run.arguments, run.why) == ({"stages": ["sync"], "backfill_days": 7}, Why.ENQUEUE)


@pytest.mark.django_db(transaction=True)
def test_a_program_is_told_what_went_wrong(job: Job, scheduler: Callable[..., None]) -> None:
    scheduler(State.FAILED, error_message="analyze: UpstreamError: overloaded")
    with pytest.raises(PipelineFailed, match=r"Run #\d+ failed: analyze: UpstreamError: overloaded"):
        in_a_loop(WORKER.run_analysis(batch_size=5))


@pytest.mark.django_db(transaction=True)
def test_a_program_does_not_wait_for_a_scheduler_that_is_not_there(job: Job) -> None:
    with pytest.raises(NobodyRuns, match=r"No scheduler is at work, so run #\d+ stays queued"):
        in_a_loop(WORKER.run_full_pipeline(backfill_days=7, batch_size=500))
    with pytest.raises(AlreadyRunning):
        in_a_loop(WORKER.run_sync())


@pytest.mark.django_db(transaction=True)
def test_the_status_is_told_within_a_loop_too(job: Job) -> None:
    async def ask() -> dict[str, Any]:
        told: dict[str, Any] = background_worker.get_status()
        return told

    now = timezone.now()
    make_worker(heartbeat_at=now, turned_at=now)
    assert in_a_loop(ask())["status"] == background_worker.get_status()["status"] == "idle"


# The command line


def tickets(*arguments: str) -> str:
    out = StringIO()
    call_command("tickets", *arguments, stdout=out)
    return out.getvalue().strip()


def test_the_command_queues_a_run(job: Job) -> None:
    told = tickets("pipeline", "--backfill-days", "30", "--batch-size", "100")
    run = Execution.objects.get()
    assert told == (
        f"Queued as run #{run.pk}: sync, analyze, cluster, trends. See how it stands: manage.py tickets status"
    )
    assert (run.arguments["backfill_days"], run.arguments["batch_size"]) == (30, 100)
    with pytest.raises(CommandError, match="already under way") as refused:
        tickets("sync")
    assert refused.value.returncode == 2


@pytest.mark.parametrize("arguments", [["--backfill-days", "0"], ["--backfill-days", "99999"], ["--timeout", "2 s"]])
def test_the_command_refuses_what_makes_no_sense(job: Job, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        tickets("sync", *arguments)
    assert not Execution.objects.exists()


def test_the_command_tells_how_the_pipeline_stands(job: Job) -> None:
    assert tickets("status") == "idle"
    run = running(job, progress=0.5, progress_text="cluster 2/4")
    assert f"running #{run.pk} 50%  cluster 2/4" in tickets("status")
    assert json.loads(tickets("status", "--json"))["execution"] == run.pk
    Execution.objects.update(state=State.FAILED, finished_at=NOON, error_message="It broke.")
    with pytest.raises(SystemExit) as end:
        tickets("status")
    assert end.value.code == 1


def test_the_command_waits_while_somebody_is_at_work(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduling.management.executions.following.PATIENCE", 0.0)
    with pytest.raises(CommandError, match="no scheduler is at work") as left:
        tickets("analyze", "--wait")
    assert left.value.returncode == 3
    assert Execution.objects.get().arguments == {"stages": ["analyze"]}


def test_the_command_cancels(job: Job) -> None:
    with pytest.raises(CommandError, match="No run of the pipeline is under way"):
        tickets("cancel")
    run = make_execution(job)
    assert tickets("cancel", "--reason", "Not now.") == f"Run #{run.pk} is cancelled."
    assert json.loads(tickets("status", "--json"))["status"] == "idle"
