"""The post: what is due in the outbox is sent, each channel by a thread of its own, so that none waits for another."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

from django.db import Error as DatabaseFailure
from django.db import connection

from scheduling.conf import options
from scheduling.exceptions import NotDelivered
from scheduling.models import Notice
from scheduling.notices import channels, words
from scheduling.store import notices as outbox

logger = logging.getLogger(__name__)

LAST_WORDS = 3.0  # seconds that what is being sent may take when the process ends


class Post:
    """Sends what is due; `deliver` returns at once, however slow a channel is."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.senders: dict[str, threading.Thread] = {}  # by channel

    def deliver(self, now: datetime) -> None:
        """Begin to send on each channel on which something is due, unless that goes on still."""
        self.begin((f"channel {name}", partial(self.empty, name)) for name in outbox.waiting_channels(now))

    def begin(self, work: Iterable[tuple[str, Callable[[], None]]]) -> None:
        """Have each piece of work done by a thread under its name, which works on one at a time."""
        for name, deed in work:
            before = self.senders.get(name)
            if before is None or not before.is_alive():
                self.senders[name] = threading.Thread(target=_safely, args=(deed,), name=name, daemon=True)
                self.senders[name].start()

    def empty(self, channel: str) -> None:
        """Send all messages that are due on `channel`, one after the other."""
        together = timedelta(seconds=options().notice_together)
        while claimed := outbox.claim_message(channel, self.clock(), together):
            send(claimed, self.clock)

    def stop(self) -> None:
        """Wait a little for what is being sent, so that the next process need not send it again."""
        end = time.monotonic() + LAST_WORDS
        for sender in self.senders.values():
            sender.join(max(end - time.monotonic(), 0))


def send(claimed: list[Notice], clock: Callable[[], datetime]) -> str:
    """Send these lines, which are ours, as one message; returns what went wrong, or nothing."""
    first = claimed[0]
    assert first.message is not None
    try:
        channels.send(first.channel, words.message(first.message, claimed), clock())
    except NotDelivered as error:
        said = str(error)
        over = outbox.not_delivered(claimed, said, now=clock(), final=error.final, retry_in=error.retry_in)
        fate = "is given up" if over else "is tried again later"
        logger.warning("A message of %s on the channel %s %s: %s", _counted(claimed), first.channel, fate, said)
        return said
    outbox.delivered(claimed, clock())
    logger.info("Sent %s on the channel %s: %s", _counted(claimed), first.channel, first.title)
    return ""


def send_test(channel: str, by: str, clock: Callable[[], datetime]) -> str:
    """Send a test message now; returns what went wrong, or nothing. It is not tried again."""
    notice = outbox.claim_new(words.test_line(channel, by, clock()), clock())
    assert notice.message is not None
    try:
        channels.send(channel, words.message(notice.message, [notice]), clock())
    except NotDelivered as error:
        outbox.not_delivered([notice], str(error), now=clock(), final=True)
        return str(error)
    outbox.delivered([notice], clock())
    return ""


def _counted(claimed: list[Notice]) -> str:
    return "1 notice" if len(claimed) == 1 else f"{len(claimed)} notices"


def _safely(deed: Callable[[], None]) -> None:
    """A thread's work, which may fail without harm: what it claimed comes back when its lease is over."""
    try:
        deed()
    except DatabaseFailure as error:
        logger.warning("The outbox could not be worked on: %s", error)
    except Exception:
        logger.exception("Sending failed; please report it.")
    finally:
        connection.close()
