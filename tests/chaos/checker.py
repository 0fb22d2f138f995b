"""Was a moment lost, did a task run twice, is a row stuck? Found out without any of the engine's own code."""

import enum
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.chaos.effects import BEGIN, END, Effect
from tests.chaos.evidence import Evidence, Run, Story

OPEN = {"queued", "running"}
FAILED = {"failed", "timed_out"}
TOLERANCE = 1.0  # seconds that a host's clock may be ahead of the database's
RESCUES = 3  # attempts beyond max_attempts that interruptions may cause


class Kind(enum.StrEnum):
    """What is wrong."""

    LOST = "lost"  # a due moment without a row
    DOUBLED = "doubled"  # begun more often than the job's policy allows
    STUCK = "stuck"  # neither ended nor about to
    UNDUE = "undue"  # fired though no moment was due, or before it was
    UNPROVEN = "unproven"  # succeeded, and nothing shows that it ran
    CROWDED = "crowded"  # more runs at once than max_instances
    REWRITTEN = "rewritten"  # an end that changed afterwards


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that should not be."""

    kind: Kind
    job: str
    what: str
    moment: datetime | None = None
    run: int | None = None


def check(evidence: Evidence) -> list[Finding]:
    """Everything that is wrong with a campaign's ledger, in the order of the story."""
    by_job: dict[str, list[Run]] = defaultdict(list)
    for run in evidence.runs:
        by_job[run.job].append(run)
    found: list[Finding] = []
    for story in evidence.stories:
        found += moments(story, by_job[story.job], evidence.ended)
    found += stuck(evidence.runs, evidence.workers)
    found += chains(evidence.runs)
    found += begins(evidence.runs, evidence.effects)
    found += repeats(evidence.runs, evidence.effects)
    found += proofs(evidence.runs, evidence.effects)
    found += crowds(evidence.runs, evidence.effects)
    found += haste(evidence.effects, evidence.wall)
    found += rewritten(evidence.runs, evidence.seen)
    return found


def moments(story: Story, runs: list[Run], ended: datetime) -> Iterator[Finding]:
    """Each due moment has one row, or one that stands for it among others; and nothing else has."""
    due = story.due(ended)
    place = {moment: number for number, moment in enumerate(due)}
    accounts = Counter[datetime]()
    for run in runs:
        if run.moment is None:
            continue
        accounts[run.moment] += 1
        if run.missed:
            first = place.get(run.moment, len(due))
            further = due[first + 1 : first + 1 + run.missed]
            accounts.update(further)
            if len(further) < run.missed:
                what = f"stands for {run.missed} further moments, of which only {len(further)} were due"
                yield Finding(Kind.UNDUE, story.job, what, run.moment, run.id)
    for moment in due:
        if not accounts[moment]:
            yield Finding(Kind.LOST, story.job, "no row", moment)
    tolerated = story.tolerated()
    for moment, count in accounts.items():
        if count > 1 and moment not in tolerated:
            yield Finding(Kind.DOUBLED, story.job, f"{count} rows account for it", moment)
        if moment not in place and moment not in tolerated:
            yield Finding(Kind.UNDUE, story.job, "its job was not due then", moment)


def stuck(runs: list[Run], workers: Iterable[str]) -> Iterator[Finding]:
    """Nothing is open when all is quiet, and no worker is said to live."""
    for run in runs:
        if run.state in OPEN:
            yield Finding(Kind.STUCK, run.job, f"still {run.state}", run.moment, run.id)
    for worker in workers:
        yield Finding(Kind.STUCK, "", f"worker {worker} is said to live")


def chains(runs: list[Run]) -> Iterator[Finding]:
    """A further attempt follows one that failed or was lost, as often as the policy says, and no cancelled one."""
    attempts: dict[int, dict[int, Run]] = defaultdict(dict)
    for run in sorted(runs, key=lambda run: run.id):
        chain = attempts[run.chain]
        if run.attempt in chain:
            yield Finding(Kind.DOUBLED, run.job, f"attempt {run.attempt} of #{run.chain} again", run.moment, run.id)
        chain[run.attempt] = run
    for chain in attempts.values():
        for run in chain.values():
            if run.attempt > 1 and (why := _unearned(run, chain.get(run.attempt - 1))):
                yield Finding(Kind.DOUBLED, run.job, why, run.moment, run.id)


def _unearned(run: Run, before: Run | None) -> str:
    """Why there should have been no such attempt; empty if it is as it should be."""
    if before is None:
        return f"attempt {run.attempt} of #{run.chain} without one before it"
    if before.cancelled:
        return f"attempt {run.attempt} though #{before.id} was cancelled"
    if before.state == "lost":
        if not run.idempotent:
            return f"attempt {run.attempt} though #{before.id} was lost and is not idempotent"
        return f"attempt {run.attempt}" if run.attempt > run.max_attempts + RESCUES else ""
    if before.state not in FAILED:
        return f"attempt {run.attempt} though #{before.id} {before.state}"
    return f"attempt {run.attempt} of at most {run.max_attempts}" if run.attempt > run.max_attempts else ""


def begins(runs: list[Run], effects: list[Effect]) -> Iterator[Finding]:
    """A row's code begins at most once, whatever its fence, and never when the row says that it did not run."""
    rows = {run.id: run for run in runs}
    begun = Counter(effect.run for effect in effects if effect.what == BEGIN)
    for effect in {effect.run: effect for effect in effects}.values():
        run = rows.get(effect.run)
        if run is None:
            yield Finding(Kind.UNDUE, effect.job, "ran without a row", _moment(effect), effect.run)
        elif not run.begun:
            yield Finding(Kind.DOUBLED, run.job, f"ran though it was {run.state} unbegun", run.moment, run.id)
        if begun[effect.run] > 1:
            what = f"one attempt began {begun[effect.run]} times"
            yield Finding(Kind.DOUBLED, effect.job, what, _moment(effect), effect.run)


def repeats(runs: list[Run], effects: list[Effect]) -> Iterator[Finding]:
    """A moment is done with when a run of it has ended well, whether it was the first, a retry or made up for."""
    well = {run.id for run in runs if run.state == "succeeded"}
    done: dict[tuple[str, str], set[int]] = defaultdict(set)
    for effect in effects:
        if effect.what == END and effect.moment and effect.run in well:
            done[effect.job, effect.moment].add(effect.run)
    for (job, moment), ids in done.items():
        if len(ids) > 1:
            what = f"done by {sorted(ids)}"
            yield Finding(Kind.DOUBLED, job, what, datetime.fromisoformat(moment), max(ids))


def proofs(runs: list[Run], effects: list[Effect]) -> Iterator[Finding]:
    """What succeeded has begun and ended under the fence that wrote it down."""
    ends = Counter((effect.run, effect.fence) for effect in effects if effect.what == END)
    for run in runs:
        if run.state == "succeeded" and ends[run.id, run.fence] != 1:
            what = f"{ends[run.id, run.fence]} ends of its code at fence {run.fence}"
            yield Finding(Kind.UNPROVEN, run.job, what, run.moment, run.id)


def crowds(runs: list[Run], effects: list[Effect]) -> Iterator[Finding]:
    """Of the runs that ended well, no more than max_instances of a job went at the same time."""
    well = {run.id: run for run in runs if run.state == "succeeded" and run.max_instances is not None}
    going: dict[str, set[int]] = defaultdict(set)
    for effect in sorted(effects, key=lambda effect: effect.at):
        run = well.get(effect.run)
        if run is None or run.max_instances is None:
            continue
        if effect.what == END:
            going[run.job].discard(run.id)
            continue
        going[run.job].add(run.id)
        if len(going[run.job]) > run.max_instances:
            what = f"at the same time as {sorted(going[run.job] - {run.id})}, at most {run.max_instances} may go"
            yield Finding(Kind.CROWDED, run.job, what, run.moment, run.id)


def haste(effects: list[Effect], wall: float) -> Iterator[Finding]:
    """Nothing begins before its moment."""
    for effect in effects:
        moment = _moment(effect)
        if moment is not None and effect.what == BEGIN:
            early = moment.timestamp() - (effect.at + wall)
            if early > TOLERANCE:
                yield Finding(Kind.UNDUE, effect.job, f"began {early:.1f} s too early", moment, effect.run)


def rewritten(runs: list[Run], seen: dict[int, Run]) -> Iterator[Finding]:
    """An end once written stays as it is."""
    rows = {run.id: run for run in runs}
    for was in seen.values():
        now = rows.get(was.id)
        if now is None or (now.state, now.fence) != (was.state, was.fence):
            what = f"was {was.state} at fence {was.fence}, then {now and (now.state, now.fence)}"
            yield Finding(Kind.REWRITTEN, was.job, what, was.moment, was.id)


def _moment(effect: Effect) -> datetime | None:
    return datetime.fromisoformat(effect.moment).astimezone(UTC) if effect.moment else None
