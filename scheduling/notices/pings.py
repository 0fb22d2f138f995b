"""Pings: a watcher elsewhere (healthchecks.io and the like) hears of each start and end, and of the scheduler itself.

The address as it is means success; /start and /fail are put after its path.
"""

import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit, urlunsplit

from scheduling.conf import options
from scheduling.exceptions import NotDelivered
from scheduling.models import UNWELL, Execution, Job, Ping, Signal, State
from scheduling.notices import outbound
from scheduling.notices.findings import final
from scheduling.notices.words import error_of
from scheduling.store import pings as store

logger = logging.getLogger(__name__)

PATHS = {Signal.START: "/start", Signal.SUCCESS: "", Signal.FAIL: "/fail"}
SCHEDULER_EVERY = 60.0  # seconds
LONGEST_BODY = 2000  # characters


def note(now: datetime, since: datetime) -> int:
    """Put the starts and ends since then into the list of pings; returns how many were new.

    A failed run that is tried again says nothing, and neither does a cancelled one: its next start or end does.
    """
    named = dict(Job.objects.exclude(ping="").values_list("pk", "ping"))
    if not named:
        return 0
    begin = max(since, now - store.STALE)
    runs = Execution.objects.filter(job__in=named).light()
    ended = runs.filter(finished_at__gte=begin, finished_at__lte=now, started_at__isnull=False)
    going = runs.running().filter(started_at__gte=begin)
    failed = final(ended.filter(state__in=UNWELL)).defer("arguments", "result", "traceback")
    found = [
        *(_ping(run, Signal.START, named, now) for run in going.filter(store.unsaid([Signal.START]))),
        *(_ping(run, Signal.START, named, now) for run in ended.filter(store.unsaid(list(Signal)))),
        *(_ping(run, Signal.FAIL, named, now) for run in failed.filter(store.unsaid([Signal.FAIL]))),
        *(
            _ping(run, Signal.SUCCESS, named, now)
            for run in ended.filter(store.unsaid([Signal.SUCCESS]), state=State.SUCCEEDED)
        ),
    ]
    return store.note(found)


def _ping(run: Execution, signal: Signal, named: dict[str, str], now: datetime) -> Ping:
    happened = run.started_at if signal is Signal.START else run.finished_at
    return Ping(
        execution=run,
        name=named[run.job_id or ""],
        job=run.job_id or "",
        signal=signal,
        body=error_of(run) if signal is Signal.FAIL else "",
        created_at=now,
        happened_at=happened or now,
        due_at=now,
    )


class Pinger:
    """Sends the pings that are due; an address that fails is logged once, until it answers again."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.failing: set[str] = set()
        self.told_of_scheduler: datetime | None = None

    def send_due(self) -> None:
        while claimed := store.claim(self.clock()):
            for ping in claimed:
                self.send(ping)

    def send(self, ping: Ping) -> None:
        """One ping; a stale one, or one that a newer one has overtaken, is dropped."""
        now = self.clock()
        address = options().pings.get(ping.name)
        if address is None:
            store.drop([ping], f"No ping {ping.name!r} is configured in PINGS.")
        elif now - ping.happened_at > store.STALE:
            store.drop([ping], "It came too late to be sent.")
        elif ping.attempts > 1 and store.is_overtaken(ping):
            store.drop([ping], "Something newer has been told of the job.")
        elif wrong := self._post(ping.name, address_of(address, ping), ping.body):
            store.failed(ping, str(wrong), now=self.clock(), final=wrong.final)
        else:
            store.sent(ping, self.clock())

    def tell_of_scheduler(self, now: datetime, turned_at: datetime) -> bool:
        """Whether the scheduler's own ping is due, and its loop has turned lately."""
        due = self.told_of_scheduler is None or now - self.told_of_scheduler >= timedelta(seconds=SCHEDULER_EVERY)
        turns = now - turned_at < timedelta(seconds=options().poll + 2 * options().stale_after)
        if not (options().ping_scheduler and due and turns):
            return False
        self.told_of_scheduler = now
        return True

    def send_of_scheduler(self) -> None:
        self._post("PING_SCHEDULER", options().ping_scheduler, "")

    def _post(self, name: str, address: str, body: str) -> NotDelivered | None:
        try:
            outbound.post(address, body.encode()[:LONGEST_BODY], {"Content-Type": "text/plain; charset=utf-8"})
        except NotDelivered as error:
            if name not in self.failing:
                logger.warning("The ping %s does not arrive: %s", name, error)
            self.failing.add(name)
            return error
        if name in self.failing:
            logger.info("The ping %s arrives again.", name)
            self.failing.discard(name)
        return None


def address_of(address: str, ping: Ping) -> str:
    """Where `ping` goes: {job} and {run} are filled in, and its signal stands after the path."""
    run = uuid.uuid5(uuid.NAMESPACE_URL, f"rota:{options().instance}:{ping.execution_id}")
    filled = address.replace("{job}", quote(ping.job, safe="")).replace("{run}", str(run))
    parts = urlsplit(filled)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + PATHS[Signal(ping.signal)]))
