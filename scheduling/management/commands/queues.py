"""manage.py queues: what each queue holds; pause one and let it go on. Exit code 2: refused."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from scheduling import store
from scheduling.conf import options
from scheduling.exceptions import SchedulingError
from scheduling.management.finding import REFUSED
from scheduling.management.pausing import BY, ask_pause, ask_resume, end_of, told
from scheduling.models import Queue
from scheduling.planning import Missed


class Command(BaseCommand):
    help = "Lists, pauses and resumes queues; each change is on record with its reason."

    def add_arguments(self, parser: ArgumentParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        deeds.add_parser("list", help="the configured queues, and which of them are paused")
        for name, ask, help in (
            ("pause", ask_pause, "start nothing more of a queue, for good or for a while"),
            ("resume", ask_resume, "let a queue go on"),
        ):
            deed = deeds.add_parser(name, help=help)
            deed.add_argument("queue", help="the name of the queue")
            ask(deed)

    def handle(self, **given: Any) -> None:
        store.ensure_queues()
        deed = {"list": self._list, "pause": self._pause, "resume": self._resume}[given["deed"]]
        try:
            self.stdout.write(deed(given, timezone.now()))
        except SchedulingError as error:
            raise CommandError(str(error), returncode=REFUSED) from None

    def _list(self, given: dict[str, Any], now: datetime) -> str:
        paused = {queue.pk: queue for queue in Queue.objects.paused()}
        lines = []
        for lane in options().queues:
            held = paused.get(lane.name)
            how = f"paused by {held.paused_by}. {held.paused_reason}".strip() if held else "open"
            lines.append(f"{lane.name:<16}{lane.executor:<12}{lane.slots:>4} places  {how}")
        return "\n".join(lines)

    def _pause(self, given: dict[str, Any], now: datetime) -> str:
        queue, until = _find(given["queue"]), end_of(given, now)
        if not store.pause_queue(queue, by=BY, now=now, reason=given["reason"], until=until):
            return f"{queue}: was paused already."
        return f"{queue}: paused{f' until {until:%Y-%m-%d %H:%M %Z}' if until else ''}."

    def _resume(self, given: dict[str, Any], now: datetime) -> str:
        queue, missed = _find(given["queue"]), Missed(given["missed"])
        count, waiting = store.missed_of_queue(queue, now)[0] if queue.paused_at else 0, store.waiting_in(queue)
        if not store.resume_queue(queue, by=BY, now=now, reason=given["reason"], missed=missed):
            return f"{queue}: was not paused."
        return f"{queue}: resumed. {told(count)} Made up for: {missed.label.lower()}. Runs that waited: {waiting:,}."


def _find(name: str) -> Queue:
    """Raises CommandError, with those that there are."""
    queue = Queue.objects.filter(pk=name).first()
    if queue is None:
        known = ", ".join(lane.name for lane in options().queues)
        raise CommandError(f"There is no queue {name!r}; there are: {known}.", returncode=REFUSED)
    return queue
