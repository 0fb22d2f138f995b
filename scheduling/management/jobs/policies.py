"""The policies of a job in words: what happens when a run is late, overlaps, fails, or is interrupted."""

from collections.abc import Iterator
from datetime import timedelta

from scheduling import registry
from scheduling.models import Job, Overlap
from scheduling.planning import spoken

OVERLAPS = {
    Overlap.SKIP: "a moment that comes while a run is going is skipped",
    Overlap.QUEUE_ONE: "a moment that comes while a run is going waits for its end, unless one waits already",
    Overlap.QUEUE_ALL: "a moment that comes while a run is going waits for its end",
    Overlap.CANCEL: "a moment that comes while a run is going has it cancelled",
}


def policies(job: Job) -> Iterator[tuple[str, str]]:
    """Names and sentences, in the order in which a run meets them."""
    yield "Late", _grace(job)
    yield "Several late", "the latest of them runs" if job.coalesce else "each of them runs"
    yield "At once", f"{_at_most(job.max_instances)}; {OVERLAPS[Overlap(job.overlap)]}"
    if job.jitter:
        yield "Jitter", f"each start is delayed by a random time up to {spoken(job.jitter)}"
    yield "Time-out", _timeout(job)
    yield "Failing", _attempts(job)
    yield "Interrupted", "run again" if job.idempotent else "marked lost, and not run again by itself"
    if job.exclusive:
        yield "Exclusive", "its runs stop when their scheduler is cut off from the database"
    if job.run_at_startup:
        yield "Start-up", "also runs whenever a scheduler starts"
    if job.keep_for is not None:
        yield "Kept", f"its runs for {spoken(job.keep_for)}"
    if job.keep_unwell_for is not None:
        yield "Failures kept", f"for {spoken(job.keep_unwell_for)}"


def _grace(job: Job) -> str:
    if job.misfire_grace_time is None:
        return "a run may start however late"
    if job.misfire_grace_time == timedelta():
        return "a run starts on time or is missed"
    return f"a run may start up to {spoken(job.misfire_grace_time)} late; later it is missed"


def _at_most(instances: int) -> str:
    return "one run" if instances == 1 else f"up to {instances} runs"


def _timeout(job: Job) -> str:
    limit = job.timeout or registry.time_limit(job.task)
    if limit is None:
        return "none"
    return f"a run is stopped after {spoken(limit)}{'' if job.timeout else ', the limit of its task'}"


def _attempts(job: Job) -> str:
    if job.max_attempts == 1:
        return "not tried again"
    first, most = spoken(job.backoff), spoken(job.backoff_max)
    return f"tried {job.max_attempts} times in all, first again after {first}, then doubling up to {most}"
