"""What keeps a job from firing, and a run that waits from starting, at present; with the cure of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from scheduling.conf import options
from scheduling.explain.answers import Teller, Tone, because, person
from scheduling.health import Health, health
from scheduling.models import OPEN, Execution, Job, Queue, Why, Worker
from scheduling.store.workers import LIVING
from scheduling.triggers import Kind

ASK = "Ask those who run this installation."


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One thing that is in the way: since when, in words, and what to do."""

    verdict: str
    tone: Tone
    since: datetime | None  # None: for the moments to come
    grounds: str
    cure: str


def hindrances(job: Job, told: Teller) -> list[Hindrance]:
    """All that keeps `job` from running by itself, the weightiest first."""
    found = (_parked(job, told), _paused(job, told), _without_moments(job), _lane(job, told), _workers(job, told))
    return [each for each in found if each is not None]


def _parked(job: Job, told: Teller) -> Hindrance | None:
    if not job.parked_reason:
        return None
    change = told.changes(job).filter(action="parked").order_by("-id").first()
    since = f" since {told.at(change.at)}" if change else ""
    return Hindrance(
        "Parked: it cannot run",
        Tone.BAD,
        change.at if change else job.fired_until or job.created_at,
        f"It is parked{since}{because(job.parked_reason)}",
        "Mend the cause and save the job, and it fires again from the next moment on.",
    )


def _paused(job: Job, told: Teller) -> Hindrance | None:
    if not job.paused_at:
        return None
    cure = "Resume it to let it fire again; moments that pass meanwhile are written down as skipped."
    if job.paused_until:
        cure = f"It is resumed by itself at {told.at(job.paused_until)} ({told.since(job.paused_until)})."
    by = f"It was paused by {person(job.paused_by)} at {told.at(job.paused_at)}"
    return Hindrance("Paused", Tone.NOTABLE, job.paused_at, by + because(job.paused_reason), cure)


def _without_moments(job: Job) -> Hindrance | None:
    if job.trigger == Kind.MANUAL:
        grounds = "It has no schedule: it runs only when it is asked to."
        return Hindrance("Runs only when asked", Tone.OPEN, None, grounds, "Run now, the API and code may ask.")
    if job.next_run_time or job.parked_reason or job.paused_at:
        return None
    grounds = "Its schedule names no further moment."
    return Hindrance("Will not run again", Tone.NOTABLE, None, grounds, "Change its schedule to have it run again.")


def _lane(job: Job, told: Teller) -> Hindrance | None:
    if not options().lane(job.queue):
        grounds = f"The queue {job.queue} is not configured, so that no scheduler serves it."
        cure = ASK if told.is_discreet else "Give the job another queue."
        return Hindrance("Its queue is not served", Tone.BAD, None, grounds, cure)
    queue = Queue.objects.filter(pk=job.queue, paused_at__isnull=False).first()
    if queue is None or queue.paused_at is None:
        return None
    cure = "Its moments are skipped until somebody resumes the queue."
    if queue.paused_until:
        cure = f"The queue is resumed by itself at {told.at(queue.paused_until)} ({told.since(queue.paused_until)})."
    by = f"The queue {queue} was paused by {person(queue.paused_by)} at {told.at(queue.paused_at)}"
    grounds = "Its queue is paused." if told.is_discreet else by + because(queue.paused_reason)
    return Hindrance("Its queue is paused", Tone.NOTABLE, queue.paused_at, grounds, cure)


def _workers(job: Job, told: Teller) -> Hindrance | None:
    alive = living(told.now)
    if not alive:
        seen, cure = ("", ASK) if told.is_discreet else (_last_seen(told), "Start one: manage.py runscheduler.")
        grounds = f"No scheduler is running{seen}."
        return Hindrance("No scheduler is running", Tone.BAD, None, grounds, cure)
    if any(job.queue in worker.queues for worker in alive):
        return None
    grounds = f"No scheduler that is running serves the queue {job.queue}: runs of the job would wait."
    cure = ASK if told.is_discreet else f"Start one that does: manage.py runscheduler --queues {job.queue}."
    return Hindrance("No scheduler serves its queue", Tone.BAD, None, grounds, cure)


def living(now: datetime) -> list[Worker]:
    """The workers that take runs, by their own word and by their heartbeat."""
    found = Worker.objects.filter(state__in=LIVING)
    return [worker for worker in found if health(worker, now) is Health.ALIVE]


def _last_seen(told: Teller) -> str:
    last = Worker.objects.order_by("-turned_at").first()
    return f": the last one, {last}, turned at {told.at(last.turned_at)} ({told.since(last.turned_at)})" if last else ""


def waiting(run: Execution, told: Teller) -> Iterator[str]:
    """What the queued `run` waits for; and until when it may."""
    if run.run_after > told.now:
        yield f"It waits for its time, {told.at(run.run_after)} ({told.since(run.run_after)}){_whence(run)}."
    else:
        yield _for_a_place(run, told)
    if run.start_deadline:
        yield f"If it has not started by {told.at(run.start_deadline)}, it is skipped as missed."


def _whence(run: Execution) -> str:
    if run.why == Why.RETRY:
        return ", after the back-off of an attempt that failed"
    return ", its moment and a random delay (jitter)" if run.why == Why.SCHEDULE else ""


def _for_a_place(run: Execution, told: Teller) -> str:
    """Looked at in the order in which `claim` does."""
    paused = Queue.objects.filter(pk=run.queue, paused_at__isnull=False).first()
    if paused is not None and told.is_discreet:
        return "It waits because its queue is paused."
    if paused is not None:
        by = f"{person(paused.paused_by)}{because(paused.paused_reason)}"
        return f"It waits because the queue {run.queue} was paused by {by}"
    places = sum(worker.queues.get(run.queue, 0) for worker in living(told.now))
    if not places:
        return f"It waits because no scheduler that is running serves the queue {run.queue}."
    going = Execution.objects.running()
    if run.job_id and run.max_instances:
        of_job = list(going.filter(job=run.job_id).values_list("pk", flat=True)[: run.max_instances])
        if len(of_job) == run.max_instances:
            seen = told.runs.filter(pk__in=of_job).order_by("pk").values_list("pk", flat=True)
            ids = ", ".join(f"#{pk}" for pk in seen) or "another run"
            return f"It waits for an end of {ids}: at most {run.max_instances} of the job may run at the same time."
    if going.filter(queue=run.queue).count() >= places:
        return f"It waits for a free place: the queue {run.queue} has {places}, and all are taken."
    return "It is about to start."


def open_runs(job: Job, most: int, told: Teller) -> list[Execution]:
    """The oldest `most` runs of `job` that have not ended."""
    going = told.runs.filter(job=job.pk, state__in=OPEN).order_by()  # in no order, or all history is looked at
    oldest = sorted(going.values_list("pk", flat=True))[:most]
    return list(Execution.objects.light().filter(pk__in=oldest).order_by("pk"))
