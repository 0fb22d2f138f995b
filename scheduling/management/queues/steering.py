"""queues pause, resume: when whole queues stand still."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from scheduling import store
from scheduling.conf import options
from scheduling.management.caller import by
from scheduling.management.composed import add_deed
from scheduling.management.finding import REFUSED
from scheduling.management.pausing import ask_pause, ask_resume, end_of, told
from scheduling.management.telling import put_json
from scheduling.models import Queue
from scheduling.planning import Missed


def add_parsers(deeds: Any) -> None:
    for name, act, ask, help in (
        ("pause", pause, ask_pause, "start nothing more of a queue, for good or for a while"),
        ("resume", resume, ask_resume, "let a queue go on"),
    ):
        parser = add_deed(deeds, name, act, help)
        parser.add_argument("queue", help="the name of the queue")
        ask(parser)


def pause(given: dict[str, Any], out: Any) -> None:
    now = timezone.now()
    queue, until = _find(given["queue"]), end_of(given, now)
    done = store.pause_queue(queue, by=by(), now=now, reason=given["reason"], until=until)
    said = f"paused{f' until {until:%Y-%m-%d %H:%M %Z}' if until else ''}." if done else "was paused already."
    _tell(queue, done, said, given, out)


def resume(given: dict[str, Any], out: Any) -> None:
    now = timezone.now()
    queue, missed = _find(given["queue"]), Missed(given["missed"])
    count, waiting = _missed(queue, now), store.waiting_in(queue)
    done = store.resume_queue(queue, by=by(), now=now, reason=given["reason"], missed=missed)
    said = f"resumed. {told(count)} Made up for: {missed.label.lower()}. Runs that waited: {waiting:,}."
    _tell(queue, done, said if done else "was not paused.", given, out, missed=count, waited=waiting)


def _missed(queue: Queue, now: datetime) -> int:
    return store.missed_of_queue(queue, now)[0] if queue.paused_at else 0


def _tell(queue: Queue, done: bool, said: str, given: dict[str, Any], out: Any, **more: Any) -> None:
    if given["json"]:
        put_json(out, {"queue": queue.pk, "changed": done, "paused_until": queue.paused_until, **more})
    else:
        out.write(f"{queue}: {said}")


def _find(name: str) -> Queue:
    """Raises CommandError, with those that there are."""
    store.ensure_queues()
    queue = Queue.objects.filter(pk=name).first()
    if queue is None:
        known = ", ".join(lane.name for lane in options().queues)
        raise CommandError(f"There is no queue {name!r}; there are: {known}.", returncode=REFUSED)
    return queue
