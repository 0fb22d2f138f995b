"""prune: old history is deleted in small batches, so that nobody waits; what still tells how a job stands stays."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, OuterRef, Q, QuerySet, Subquery

from scheduling.conf import options
from scheduling.models import FINAL, UNWELL, Execution, IdempotencyKey, Job, State, Token, Worker, WorkerState
from scheduling.store.batch import contested
from scheduling.store.figures import fold
from scheduling.store.once import KEPT

BATCH = 200  # runs that one transaction deletes
WELL = tuple(state for state in FINAL if state not in UNWELL)
LONGEST = timedelta(days=36_500)  # who wants more keeps it for ever


@dataclass(frozen=True, slots=True)
class Rule:
    """Runs that ended in one of `states` before a moment are deleted: those of `jobs`, or of all but these."""

    states: tuple[State, ...]
    before: datetime
    jobs: frozenset[str]
    others: bool = False  # all but `jobs`; these include deleted ones, and runs without a job

    def runs(self) -> QuerySet[Execution]:
        ended = Execution.objects.filter(state__in=self.states, finished_at__lt=self.before)
        return ended.exclude(job__in=self.jobs) if self.others else ended.filter(job__in=self.jobs)


def rules(now: datetime) -> list[Rule]:
    """What the jobs say of themselves, and the settings of all others."""
    own = list(Job.objects.values_list("pk", "keep_for", "keep_unwell_for"))
    well = {job: span for job, span, _ in own if span is not None}
    unwell = {job: span for job, _, span in own if span is not None}
    return [
        *_rules(WELL, timedelta(days=options().keep_days), well, now),
        *_rules(UNWELL, timedelta(days=options().keep_unwell_days), unwell, now),
    ]


def _rules(states: tuple[State, ...], default: timedelta, own: dict[str, timedelta], now: datetime) -> list[Rule]:
    """One rule for each span that is not for ever."""
    jobs_of = defaultdict(set)
    for job, span in own.items():
        jobs_of[span].add(job)
    found = [Rule(states, now - span, frozenset(jobs)) for span, jobs in jobs_of.items() if _ends(span)]
    return [*found, Rule(states, now - default, frozenset(own), others=True)] if _ends(default) else found


def _ends(span: timedelta) -> bool:
    return timedelta() < span < LONGEST


def prune(now: datetime) -> Iterator[list[Execution]]:
    """Delete what the rules give up, oldest first; yields the runs of each batch once they are gone.

    With a run goes all that points at it by a cascade: its log, its TaskRecords. Each rule walks once along the index
    of ends, from where its last batch ended, so that what is kept is not read again and again.
    """
    spared = last_runs()
    for rule in rules(now):
        expired = rule.runs().exclude(pk__in=spared).order_by("finished_at").only("pk", "job_id", "finished_at")
        batch = list(expired[:BATCH])
        while batch:
            _delete([run.pk for run in batch])
            yield batch
            batch = list(expired.filter(finished_at__gte=batch[-1].finished_at)[:BATCH])


def last_runs() -> set[int]:
    """The last run of each job and its last success: of a yearly job, they are all that tells how it stands."""
    ran = Execution.objects.filter(job=OuterRef("pk"), state__in=FINAL, started_at__isnull=False)
    succeeded = ran.filter(state=State.SUCCEEDED)
    pairs = Job.objects.values_list(Subquery(_latest(ran)), Subquery(_latest(succeeded)))
    return {pk for pair in pairs for pk in pair if pk is not None}


def _latest(runs: QuerySet[Execution]) -> QuerySet[Execution, Any]:
    """An aggregate, since ORDER BY and LIMIT lead MariaDB through the runs of all jobs."""
    return runs.order_by().values("job").annotate(latest=Max("pk")).values("latest")


@contested
def _delete(runs: Collection[int]) -> None:
    Execution.objects.filter(pk__in=runs).only("pk").delete()


def prune_workers(now: datetime) -> int:
    """Delete ended workers that no run of the settings' spans can name any more; returns how many.

    The one that keeps the figures of all before it stays.
    """
    longest = max(options().keep_days, options().keep_unwell_days)
    if not options().keep_days or not options().keep_unwell_days:
        return 0
    ended = Worker.objects.filter(state__in=(WorkerState.STOPPED, WorkerState.DEAD))
    fold()
    return ended.filter(figures={}, stopped_at__lt=now - timedelta(days=longest)).delete()[0]


def prune_keys(now: datetime) -> int:
    """Delete the keys under which programs have asked for runs, once they count no more; returns how many."""
    return IdempotencyKey.objects.filter(created_at__lte=now - KEPT).delete()[0]


def prune_tokens(now: datetime) -> int:
    """Delete tokens that have not counted for as long as failed runs are kept; returns how many."""
    if not options().keep_unwell_days:
        return 0
    before = now - timedelta(days=options().keep_unwell_days)
    return Token.objects.filter(Q(revoked_at__lt=before) | Q(expires_at__lt=before)).delete()[0]
