"""The stages in their order, each with a record of its own: sync, analyze, cluster, trends.

Each works on what the one before has left in the database. So a stage that fails does not stop the next: tickets that
are there are analysed although Zendesk is away, issues that were found are gathered although the model is. Only
`trends` is left out after a `cluster` that failed: without the newest issues it would show a calm that is none.

Every stage goes on where it was interrupted. A further attempt of a run leaves out the stages that the attempts before
have done, up to the first that they have not.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Self

from django.db.models import Q, QuerySet
from django.utils import timezone

from scheduling.context import Context
from scheduling.models import Execution
from tasks.exceptions import AbortRun
from tasks.models import Status, TaskRecord
from tasks.recording import Entry, parts, record
from tasks.tickets.analyze import analyze_tickets, collect_batches
from tasks.tickets.batches import are_under_way
from tasks.tickets.cluster import cluster_issues, is_full_run_due
from tasks.tickets.stages import COLLECT, LEFT_OUT_AFTER, STAGES
from tasks.tickets.sync import sync_tickets
from tasks.tickets.trends import compute_trends

type Work = Callable[[Entry], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContext(Context):  # type: ignore[misc]  # frozen in Django, not in its stubs
    """The context of a run as one of its stages has it: progress is of the whole, and says which stage it is."""

    stage: str
    place: int  # from 0
    stages: int

    @classmethod
    def of(cls, context: Context, stage: str, place: int, stages: int) -> Self:
        given = {each.name: getattr(context, each.name) for each in fields(context)}
        context.told.at = float("-inf")  # the change of stage is told at once
        return cls(**given, stage=stage, place=place, stages=stages)

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        share = min(max(done / total if total else done, 0.0), 1.0) if total != 0 else 1.0
        told = self.stage if total is None else f"{self.stage} {done:g}/{total:g}"
        Context.progress(self, self.place + share, self.stages, told)


def run_pipeline(
    context: Context,
    stages: Collection[str] = STAGES,
    backfill_days: int | None = None,
    batch_size: int | None = None,
    *,
    regroup: bool = True,
    collects: bool = False,
) -> dict[str, Any]:
    """Run `stages`, in their order; returns what each has to tell.

    With `regroup` issues are grouped anew when that is due; with `collects` the results of message batches come first,
    if there are any under way. Raises PartsFailed naming the stages that failed, or RetryLater if a service has asked
    for a pause.
    """
    wanted = in_order(stages)
    if collects and are_under_way():
        wanted.insert(0, COLLECT)
    work = _work(context, backfill_days, batch_size, regroup)
    told = _done_before(context, wanted)
    with parts() as part:
        for place, stage in enumerate(wanted):
            if stage in told:
                continue
            with part(stage), record(StageContext.of(context, stage, place, len(wanted)), stage) as entry:
                context.progress(place, len(wanted), stage)
                _check(stage, wanted, told)
                work[stage](entry)
                told[stage] = entry.result
    return told


def in_order(stages: Iterable[str]) -> list[str]:
    """Raises AbortRun for a stage that there is not."""
    asked = set(stages)
    if unknown := asked.difference(STAGES):
        raise AbortRun(f"There is no stage {', '.join(sorted(map(str, unknown)))}; there are {', '.join(STAGES)}.")
    return [stage for stage in STAGES if stage in asked]


def _work(context: Context, backfill_days: int | None, batch_size: int | None, regroup: bool) -> dict[str, Work]:
    def cluster(entry: Entry) -> None:
        now = timezone.now()
        cluster_issues(entry, now=now, full=regroup and is_full_run_due(now))

    now = timezone.now()
    return {
        "sync": partial(sync_tickets, backfill_days=backfill_days, now=now),
        "analyze": partial(
            analyze_tickets, batch_size=batch_size, clock=timezone.now, taken_before=_taken_before(context)
        ),
        COLLECT: partial(collect_batches, clock=timezone.now),
        "cluster": cluster,
        "trends": lambda entry: compute_trends(entry, now=timezone.now()),
    }


def _check(stage: str, wanted: list[str], told: Collection[str]) -> None:
    """Raise AbortRun if `stage` makes no sense after what has failed."""
    before = LEFT_OUT_AFTER.get(stage)
    if before in wanted and before not in told:
        raise AbortRun(f"Left out, since {before} failed.")


def _done_before(context: Context, wanted: list[str]) -> dict[str, Any]:
    """What the first stages told that an earlier attempt of this run has done."""
    if context.attempt == 1:
        return {}
    done = _records(context).filter(status=Status.SUCCEEDED, label__in=wanted)
    results = dict(done.order_by("id").values_list("label", "result"))
    told: dict[str, Any] = {}
    for stage in wanted:
        if stage not in results:
            break
        told[stage] = results[stage]
    return told


def _taken_before(context: Context) -> int:
    """How many tickets the earlier attempts of this run have taken for analysis; of one that was killed, about."""
    if context.attempt == 1:
        return 0
    told = _records(context).filter(label="analyze").values_list("result", "items_processed")
    return sum(result.get("taken", 0) if isinstance(result, dict) else processed for result, processed in told)


def _records(context: Context) -> QuerySet[TaskRecord]:
    """What all attempts of this run have told."""
    root = context.snapshot.root or context.execution_id
    attempts = Execution.objects.filter(Q(pk=root) | Q(root=root)).order_by().values("pk")
    return TaskRecord.objects.filter(execution__in=attempts)
