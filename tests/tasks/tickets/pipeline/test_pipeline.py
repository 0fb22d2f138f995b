"""The pipeline as a run: its stages in their order, what stops them, and how a further attempt goes on."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduling.context import StopSignal
from scheduling.exceptions import RetryLater
from scheduling.models import Execution, Job, State
from scheduling.perform import perform
from scheduling.snapshots import Outcome, Snapshot
from tasks.exceptions import UpstreamError
from tasks.models import Status, TaskRecord
from tasks.recording import Entry
from tasks.tickets import pipeline as stages_of
from tasks.tickets.models import Batch, Cluster, HourlyCount, Issue, Ticket
from tasks.tickets.on_demand import PAUSE_ASKED_FOR
from tasks.tickets.tasks import pipeline, trends
from tests.factories import NOON, make_execution, make_worker
from tests.tasks.tickets.pipeline.conftest import make_issue

pytestmark = pytest.mark.django_db(transaction=True)

type Run = Callable[..., Outcome]


class Upstreams:
    """Zendesk and the model as the pipeline sees them: what they were asked, and what goes wrong with them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int | None]] = []
        self.wrong: dict[str, Exception] = {}
        self.taken_before = 0

    def sync(self, entry: Entry, *, backfill_days: int | None, now: datetime) -> None:
        self._work("sync", entry, backfill_days)

    def analyze(self, entry: Entry, *, batch_size: int | None, clock: Any, taken_before: int) -> None:
        self.taken_before = taken_before
        self._work("analyze", entry, batch_size)

    def _work(self, stage: str, entry: Entry, given: int | None) -> None:
        self.asked.append((stage, given))
        entry.expect(4)
        for number in range(4):
            with entry.item(str(number)):
                pass
        entry.result = {"done": 4, "taken": 3}
        if stage in self.wrong:
            raise self.wrong[stage]


@pytest.fixture
def upstreams(monkeypatch: pytest.MonkeyPatch) -> Upstreams:
    """The other stages have tests of their own; this is about their order."""
    found = Upstreams()
    monkeypatch.setattr(stages_of, "sync_tickets", found.sync)
    monkeypatch.setattr(stages_of, "analyze_tickets", found.analyze)
    return found


@pytest.fixture
def attempt(job: Job) -> Run:
    """Run an attempt of the pipeline as a worker does; of the run `root` if one is given."""

    def attempt(root: int | None = None, stop: StopSignal | None = None, task: Any = pipeline, **given: Any) -> Outcome:
        number = 1 if root is None else 1 + Execution.objects.filter(root=root).count() + 1
        running = {"state": State.RUNNING, "started_at": NOON, "worker": make_worker()}
        row = make_execution(job, root_id=root, attempt=number, **running)
        snapshot = Snapshot(
            id=row.pk, fence=0, task=task.module_path, arguments=given, worker="", attempt=number, root=root
        )
        outcome = perform(snapshot, stop or StopSignal())
        Execution.objects.filter(pk=row.pk).update(state=State.FAILED, finished_at=NOON, worker=None)
        return outcome

    return attempt


def records() -> dict[str, str]:
    return dict(TaskRecord.objects.order_by("pk").values_list("label", "status"))


def test_all_stages_run_in_their_order_each_with_its_record(upstreams: Upstreams, attempt: Run) -> None:
    for _ in range(3):
        make_issue()
    outcome = attempt(backfill_days=7, batch_size=50)
    assert outcome.state == State.SUCCEEDED
    assert upstreams.asked == [("sync", 7), ("analyze", 50)]
    assert records() == dict.fromkeys(("sync", "analyze", "cluster", "trends"), Status.SUCCEEDED)
    assert outcome.result["sync"] == {"done": 4, "taken": 3}
    assert outcome.result["cluster"]["clusters"] == 1
    assert Cluster.objects.get().size == 3
    row = Execution.objects.get()
    assert (row.progress, row.progress_text) == (1.0, "trends 1/1")


def test_only_the_stages_that_are_asked_for_run(upstreams: Upstreams, attempt: Run) -> None:
    assert attempt(stages=["analyze"]).result == {"analyze": {"done": 4, "taken": 3}}
    assert list(records()) == ["analyze"]


def test_a_stage_that_there_is_not_is_refused(upstreams: Upstreams, attempt: Run) -> None:
    outcome = attempt(stages=["sync", "tea"])
    assert (outcome.state, upstreams.asked) == (State.FAILED, [])
    assert "There is no stage tea" in outcome.error_message


def test_what_is_there_is_worked_on_although_a_stage_before_failed(upstreams: Upstreams, attempt: Run) -> None:
    upstreams.wrong["sync"] = UpstreamError("Zendesk is away")
    outcome = attempt()
    assert outcome.state == State.FAILED
    assert outcome.error_message == "sync: UpstreamError: Zendesk is away"
    assert records() == {
        "sync": Status.FAILED, "analyze": Status.SUCCEEDED, "cluster": Status.SUCCEEDED, "trends": Status.SUCCEEDED
    }  # fmt: skip


def test_without_clusters_there_are_no_trends_and_the_work_before_stays(
    upstreams: Upstreams, attempt: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.tickets.cluster.import_module", _missing)
    outcome = attempt()
    assert "pip install" in outcome.error_message
    assert records() == {
        "sync": Status.SUCCEEDED, "analyze": Status.SUCCEEDED, "cluster": Status.FAILED, "trends": Status.FAILED
    }  # fmt: skip
    assert TaskRecord.objects.get(label="trends").error == "AbortRun: Left out, since cluster failed."


def test_a_pause_that_a_service_asks_for_passes_on(upstreams: Upstreams, attempt: Run) -> None:
    upstreams.wrong["analyze"] = RetryLater(timedelta(minutes=20), "tickets are in a batch")
    outcome = attempt()
    assert (outcome.state, outcome.retry_in) == (State.FAILED, 1200.0)
    assert outcome.error_class == PAUSE_ASKED_FOR  # by which on_demand.py knows it
    assert records()["trends"] == Status.SUCCEEDED


def test_a_further_attempt_leaves_out_what_is_done(upstreams: Upstreams, attempt: Run) -> None:
    upstreams.wrong["analyze"] = RetryLater(timedelta(minutes=20), "tickets are in a batch")
    attempt(backfill_days=7)
    first = Execution.objects.get().pk
    upstreams.asked.clear()
    upstreams.wrong.clear()
    outcome = attempt(root=first, backfill_days=7)
    assert upstreams.asked == [("analyze", None)]
    assert outcome.result["sync"] == {"done": 4, "taken": 3}  # as the first attempt told it
    assert [row.label for row in TaskRecord.objects.order_by("pk")][4:] == ["analyze", "cluster", "trends"]


def test_a_further_attempt_knows_how_many_tickets_were_taken_before(upstreams: Upstreams, attempt: Run) -> None:
    upstreams.wrong["analyze"] = UpstreamError("the model is away")
    attempt()
    first = Execution.objects.get().pk
    for taken in (3, 6):
        attempt(root=first)
        assert upstreams.taken_before == taken
    TaskRecord.objects.filter(label="analyze").update(result=None)  # as of one that was killed
    attempt(root=first)
    assert upstreams.taken_before == 3 * 4
    attempt()
    assert upstreams.taken_before == 0


def test_another_run_does_not_count_as_an_attempt(upstreams: Upstreams, attempt: Run) -> None:
    attempt()
    attempt()
    assert [stage for stage, _ in upstreams.asked] == ["sync", "analyze"] * 2


def test_progress_is_of_the_whole_and_says_which_stage(upstreams: Upstreams, attempt: Run) -> None:
    seen: list[tuple[float | None, str]] = []

    def look(entry: Entry, **_: Any) -> None:
        entry.expect(500)
        for number in range(120):
            with entry.item(str(number)):
                pass
        row = Execution.objects.get()
        seen.append((row.progress, row.progress_text))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scheduling.context.PROGRESS_EVERY", 0.0)
        patch.setattr(stages_of, "analyze_tickets", look)
        attempt()
    assert seen == [((1 + 120 / 500) / 4, "analyze 120/500")]


def test_a_run_that_is_told_to_stop_stops_between_two_items(upstreams: Upstreams, attempt: Run) -> None:
    stop = StopSignal()

    def ask_to_stop(entry: Entry, *, backfill_days: int | None, now: datetime) -> None:
        with entry.item("first"):
            stop.request()
        with entry.item("second"):
            raise AssertionError("it went on")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages_of, "sync_tickets", ask_to_stop)
        outcome = attempt(stop=stop)
    assert outcome.state == State.CANCELLED
    assert records() == {"sync": Status.CANCELLED}
    assert upstreams.asked == []


def test_the_hourly_job_lets_new_issues_join_and_scores_without_grouping_anew(
    upstreams: Upstreams, attempt: Run
) -> None:
    make_issue()
    assert attempt(task=trends).result == {
        "cluster": {"assigned": 0, "waiting": 1}, "trends": {"hours": 0, "clusters": 0, "rising": 0}
    }  # fmt: skip
    assert not HourlyCount.objects.exists()


def test_the_hourly_job_collects_message_batches_first(
    upstreams: Upstreams, attempt: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def collect(entry: Entry, *, clock: Any) -> None:
        asked.append("collect")
        raise UpstreamError("the model is away")

    monkeypatch.setattr(stages_of, "collect_batches", collect)
    attempt(task=trends)
    assert asked == [], "none is under way"
    Batch.objects.create(key="k", created_at=NOON, size=1)
    outcome = attempt(task=trends)
    assert outcome.error_message == "collect: UpstreamError: the model is away"
    assert (asked, records()["trends"]) == (["collect"], Status.SUCCEEDED)


def test_from_zendesk_to_trends_with_nothing_replaced(configured: Callable[..., None], attempt: Run) -> None:
    configured(ANTHROPIC_API_KEY="")  # local rules look for issues
    outcome = attempt(backfill_days=3650, batch_size=500)
    assert outcome.state == State.SUCCEEDED, outcome.error_message
    assert Ticket.objects.count() == 30
    assert outcome.result["cluster"]["issues"] == Issue.objects.filter(ticket__is_deleted=False).count() > 0
    assert outcome.result["trends"]["clusters"] == Cluster.objects.count() > 0


def _missing(name: str) -> Any:
    raise ModuleNotFoundError(f"No module named {name}", name="sklearn")
