"""What the rows say that a rule may want to tell: questions to the database, none of which a run waits for."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet

from scheduling.models import (
    UNWELL,
    Cause,
    Event,
    Execution,
    ExecutionQuerySet,
    Job,
    NoticeRule,
    Queue,
    Sighting,
    State,
    Worker,
)
from scheduling.notices import usual
from scheduling.notices.items import items_of
from scheduling.notices.words import SUBJECT_OF_SCHEDULER, error_of, moment, place_of
from scheduling.planning import spoken

SETTLED = (State.SUCCEEDED, *UNWELL)  # runs that were tried
MOST = 5000  # rows of one kind in one look; the next one takes the rest
MOST_COUNTED = 50_000  # successes of which only the count of items is asked
LEARNED_FOR = timedelta(minutes=10)  # then what is usual is learned anew
SHORTEST = timedelta(seconds=usual.LEAST_EXCESS)  # a shorter run never takes too long by what is usual


@dataclass(frozen=True, slots=True)
class Finding:
    """Runs of one subject that show the same: what it is about, and a sentence on the last of them."""

    event: Event
    subject: str
    runs: Sequence[Execution]
    summary: str
    job: Job | None = None


@dataclass(slots=True)
class Learned:
    """What is usual of each job, kept for a while: seconds of its runs, and their items."""

    seconds: dict[str, tuple[datetime, usual.Usual | None]] = field(default_factory=dict)
    items: dict[str, tuple[datetime, usual.Usual | None]] = field(default_factory=dict)

    def of(self, job: str, now: datetime, *, items: bool = False) -> usual.Usual | None:
        known = self.items if items else self.seconds
        learned_at, found = known.get(job, (None, None))
        if learned_at is None or now - learned_at >= LEARNED_FOR:
            found = _learn(job, items=items)
            known[job] = (now, found)
        return found


def _learn(job: str, *, items: bool) -> usual.Usual | None:
    runs = Execution.objects.filter(job=job, state=State.SUCCEEDED, started_at__isnull=False).order_by("-id")
    sample = list(runs.only("started_at", "finished_at")[: usual.SAMPLE])
    if items:
        return usual.learn(list(items_of([run.pk for run in sample]).values()))
    return usual.learn([run.duration.total_seconds() for run in sample if run.duration is not None])


@dataclass(slots=True)
class View:
    """One look at the rows: those that ended from `since` to `now`, and those that have not."""

    now: datetime
    since: datetime
    learned: Learned
    jobs: dict[str, Job] = field(default_factory=dict)

    def findings(self, rule: NoticeRule) -> Iterator[Finding]:
        """All that `rule` may tell of, and has not looked at yet."""
        events = set(rule.events)
        if events & {Event.FAILED, Event.FAILING, Event.RECOVERED}:
            yield from self._failed(rule)
        if Event.FAILING in events:
            yield from self._failing(rule)
        if Event.MISSED in events:
            yield from self._missed(rule)
        if Event.LATE in events:
            yield from self._late(rule)
        if Event.LONG in events:
            yield from self._long(rule)
        if Event.EMPTY in events:
            yield from self._empty(rule)
        if Event.FEW in events:
            yield from self._few(rule)

    # Each kind

    def _failed(self, rule: NoticeRule) -> Iterator[Finding]:
        """Needed for the recovery alone, too."""
        failures = final(self._ended(rule).filter(state__in=UNWELL))
        for subject, runs in self._by_subject(rule, Event.FAILED, failures):
            job = self._job(runs[-1])
            yield Finding(Event.FAILED, subject, runs, f"{_name(runs[-1], job)} {_how(runs[-1])}", job)

    def _failing(self, rule: NoticeRule) -> Iterator[Finding]:
        failures = final(self._ended(rule).filter(state__in=UNWELL))
        for subject, runs in self._by_subject(rule, Event.FAILING, failures):
            if _keeps_failing(runs, rule.in_a_row):
                job = self._job(runs[-1])
                said = f"{_name(runs[-1], job)} did not succeed {rule.in_a_row} times in a row; the last one"
                yield Finding(Event.FAILING, subject, runs, f"{said} {_how(runs[-1])}", job)

    def _missed(self, rule: NoticeRule) -> Iterator[Finding]:
        rows = self._ended(rule).filter(state=State.SKIPPED, cause=Cause.MISSED)
        for subject, runs in self._by_subject(rule, Event.MISSED, rows):
            last, job = runs[-1], self._job(runs[-1])
            count = sum(1 + run.missed_count for run in runs)
            many = f" {count:,} moments in all." if count > 1 else ""
            when = f" at {moment(last.scheduled_for, place_of(rule))}" if last.scheduled_for else ""
            yield Finding(
                Event.MISSED, subject, runs, f"{_name(last, job)} did not run{when}. {last.reason}{many}", job
            )

    def _late(self, rule: NoticeRule) -> Iterator[Finding]:
        """Those that started late, and those that wait still; the jitter of a job is no lateness."""
        waiting = Execution.objects.queued().filter(run_after__lt=self.now - rule.late_by, backfill=None)
        waiting = waiting.exclude(queue__in=Queue.objects.paused().values("pk"))
        started = Q(started_at__gt=F("scheduled_for") + rule.late_by) | Q(
            scheduled_for=None, started_at__gt=F("run_after") + rule.late_by
        )
        begun = (Execution.objects.running(), self._ended(rule).filter(started_at__isnull=False))
        rows = [waiting, *(found.filter(started, backfill=None) for found in begun)]
        for subject, runs in self._by_subject(rule, Event.LATE, *rows):
            late = [(run, by) for run in runs if (by := self._lateness(run)) > rule.late_by]
            if late:
                last, by = late[-1]
                job = self._job(last)
                how = f"started {spoken(by)} late" if last.started_at else f"waits to start, {spoken(by)} late by now"
                yield Finding(Event.LATE, subject, [run for run, _ in late], f"{_name(last, job)} {how}.", job)

    def _lateness(self, run: Execution) -> timedelta:
        job = self._job(run)
        due = run.scheduled_for or run.run_after
        return (run.started_at or self.now) - due - ((job.jitter if job else None) or timedelta())

    def _long(self, rule: NoticeRule) -> Iterator[Finding]:
        """Told while it runs; and of those that began and ended between two looks."""
        least = SHORTEST if rule.longer_than is None else rule.longer_than
        running = Execution.objects.running().filter(started_at__lt=self.now - least)
        ended = self._ended(rule).filter(state__in=SETTLED, started_at__lt=F("finished_at") - least)
        for subject, runs in self._by_subject(rule, Event.LONG, running, ended):
            for run in runs:
                limit, how = self._limit(rule, run)
                took = (run.finished_at or self.now) - (run.started_at or self.now)
                if limit is not None and took > limit:
                    job = self._job(run)
                    verb = "took" if run.finished_at else "has been running for"
                    yield Finding(Event.LONG, subject, [run], f"{_name(run, job)} {verb} {spoken(took)}; {how}.", job)

    def _limit(self, rule: NoticeRule, run: Execution) -> tuple[timedelta | None, str]:
        """How long the run may take, and why; None where it cannot be said."""
        if rule.longer_than is not None:
            return rule.longer_than, f"the rule allows {spoken(rule.longer_than)}"
        known = self.learned.of(run.job_id, self.now) if run.job_id else None
        if known is None:
            return None, ""
        middle = timedelta(seconds=known.middle)
        return timedelta(seconds=usual.too_long(known, rule.factor)), f"{spoken(middle)} is usual"

    def _empty(self, rule: NoticeRule) -> Iterator[Finding]:
        counts = self._counts(rule)
        empty = Execution.objects.filter(pk__in=[run for run, (_, items) in counts.items() if items == 0])
        for subject, runs in self._by_subject(rule, Event.EMPTY, empty):
            job = self._job(runs[-1])
            said = f"{_name(runs[-1], job)} succeeded, but did nothing: 0 items."
            yield Finding(Event.EMPTY, subject, runs, said, job)

    def _few(self, rule: NoticeRule) -> Iterator[Finding]:
        counts = self._counts(rule)
        few = Execution.objects.filter(
            pk__in=[run for run, (job, items) in counts.items() if job and items < self._least(rule, job)]
        )
        for subject, runs in self._by_subject(rule, Event.FEW, few):
            last, job = runs[-1], self._job(runs[-1])
            known = self.learned.of(job.pk, self.now, items=True) if job else None
            if known:
                said = f"did {counts[last.pk][1]:,} items; {known.middle:,.0f} are usual"
                yield Finding(Event.FEW, subject, runs, f"{_name(last, job)} {said}.", job)

    def _least(self, rule: NoticeRule, job: str) -> float:
        """Below how many items a run of the job did too few; 0 while that is not known."""
        known = self.learned.of(job, self.now, items=True)
        return usual.too_few(known, rule.factor) if known else 0

    def _counts(self, rule: NoticeRule) -> dict[int, tuple[str | None, int]]:
        """Job and items of the successes that are known to count any: most runs of a busy queue are not loaded."""
        scope = self._scope(rule)
        rows = self._ended(rule).filter(state=State.SUCCEEDED)
        wanted = (rows if scope is None else rows.filter(job__in=scope)).order_by("-finished_at")
        jobs = dict(wanted.values_list("pk", "job_id")[:MOST_COUNTED])
        return {run: (jobs[run], items) for run, items in items_of(list(jobs)).items()}

    # Rows

    def _ended(self, rule: NoticeRule) -> QuerySet[Execution]:
        return Execution.objects.filter(finished_at__gte=max(self.since, rule.since), finished_at__lte=self.now)

    def _by_subject(
        self, rule: NoticeRule, event: Event, *rows: QuerySet[Execution]
    ) -> Iterator[tuple[str, list[Execution]]]:
        """The runs of `rows` that concern `rule` and are new to it, job by job, in the order of their ids."""
        scope = self._scope(rule)
        seen = Exists(Sighting.objects.filter(rule=rule, event=event, execution=OuterRef("pk")))
        found: dict[int, Execution] = {}
        for each in rows:
            wanted = each.exclude(seen) if scope is None else each.exclude(seen).filter(job__in=scope)
            found |= {run.pk: run for run in wanted.defer("arguments", "result", "traceback").order_by("id")[:MOST]}
        self._bring_jobs({run.job_id for run in found.values() if run.job_id})
        by_subject: dict[str, list[Execution]] = {}
        for _, run in sorted(found.items()):
            by_subject.setdefault(subject_of(run), []).append(run)
        yield from by_subject.items()

    def _scope(self, rule: NoticeRule) -> list[str] | None:
        """The ids of the jobs that `rule` is about; None for everything, runs without a job among it."""
        if not rule.jobs and not rule.tags:
            return None
        tagged = Job.objects.only("tags") if rule.tags else []
        return [*rule.jobs, *(job.pk for job in tagged if set(job.tags) & set(rule.tags))]

    def _job(self, run: Execution) -> Job | None:
        return self.jobs.get(run.job_id or "")

    def _bring_jobs(self, wanted: Collection[str]) -> None:
        missing = set(wanted) - self.jobs.keys()
        if missing:
            self.jobs |= Job.objects.in_bulk(missing)


def final(rows: QuerySet[Execution]) -> QuerySet[Execution]:
    """Those of `rows` after which no further attempt comes: a run that is tried again has not failed yet."""
    later = Execution.objects.filter(attempt=OuterRef("attempt") + 1)
    return rows.exclude(Exists(later.filter(root=OuterRef("pk")))).exclude(Exists(later.filter(root=OuterRef("root"))))


def subject_of(run: Execution) -> str:
    """What an incident is about: the job, or the task of a run that has none."""
    return f"job:{run.job_id}" if run.job_id else f"task:{run.task}"


def of_subject(subject: str) -> ExecutionQuerySet:
    """The runs of a subject."""
    kind, _, name = subject.partition(":")
    return Execution.objects.filter(job=name) if kind == "job" else Execution.objects.filter(job=None, task=name)


def covers(rule: NoticeRule, subject: str, job: Job | None) -> bool:
    """Whether `rule` is about the subject (still)."""
    if subject == SUBJECT_OF_SCHEDULER or not (rule.jobs or rule.tags):
        return subject.partition(":")[0] != "job" or job is not None
    return job is not None and (job.pk in rule.jobs or bool(set(job.tags) & set(rule.tags)))


def silent_since(rule: NoticeRule) -> datetime:
    """When a scheduler turned last, or since when the rule has looked out for one."""
    last = Worker.objects.aggregate(last=Max("turned_at"))["last"]
    return max(last, rule.since) if last else rule.since


def _keeps_failing(runs: Sequence[Execution], in_a_row: int) -> bool:
    """Whether the runs before one of `runs`, and itself, have all failed, so many of them."""
    for run in runs:
        before = final(of_subject(subject_of(run)).filter(pk__lte=run.pk, state__in=SETTLED)).order_by("-id")
        states = list(before.values_list("state", flat=True)[:in_a_row])
        if len(states) == in_a_row and all(state in UNWELL for state in states):
            return True
    return False


def _name(run: Execution, job: Job | None) -> str:
    return f"{job} ({job.pk})" if job and job.name and job.name != job.pk else run.job_id or run.task


def _how(run: Execution) -> str:
    """How it ended, and with which error."""
    if run.cause == Cause.INTERRUPTED:
        return "was interrupted by a deploy, and is not run again."
    ended = {State.TIMED_OUT: "timed out", State.LOST: "was lost"}.get(State(run.state), "failed")
    error = error_of(run)
    return f"{ended}: {error}" if error else f"{ended}."
