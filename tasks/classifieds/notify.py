"""Notices: each match is told on each channel of its rule, again and again until it has arrived.

A channel that fails stops no other; a message that is refused stops no other message.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from scheduling.context import Context
from scheduling.exceptions import NotDelivered, RetryLater
from tasks.classifieds import outbox
from tasks.classifieds.channels import Channel, fingerprint, open_channel
from tasks.classifieds.conf import options
from tasks.classifieds.exceptions import ChannelRefused
from tasks.classifieds.models import Delivery, DeliveryState
from tasks.classifieds.news import news_of
from tasks.exceptions import DeadlineReached
from tasks.http import Deadline
from tasks.recording import Entry, parts, record

type Clock = Callable[[], datetime]

TIME = 120.0  # seconds for one channel, far less than a claim lasts; what is left then waits for the next scan
ROOM = 20.0  # seconds; with less than that left nothing more is begun, since what is cut off may come twice


@dataclass(frozen=True, slots=True)
class Delivered:
    sent: int
    failed: int  # for good
    waiting: int


@dataclass(slots=True)
class _Tally:
    """What became of the messages of all channels."""

    sent: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Turn:
    """One channel's."""

    name: str
    channel: Channel
    entry: Entry
    clock: Clock
    site: str
    last_call: Deadline  # for messages to begin
    tally: _Tally

    def may_begin(self) -> bool:
        """Whether there is time for another message. Raises Stopped if the run has been told to stop."""
        self.entry.check()
        try:
            self.last_call.left()
        except DeadlineReached:
            return False
        return True


def tell_again(context: Context) -> None:
    """What a job does between two scans: send what waits."""
    with record(context, "notices") as entry:
        deliver_waiting(entry, timezone.now())


def deliver_waiting(entry: Entry, now: datetime, clock: Clock = timezone.now) -> Delivered:
    """Send all that is due `now`; what fails is kept for a later try, or given up with its error.

    `clock` says the time while the work goes on: a claim made late is as long as any other. Raises PartsFailed, when
    all channels have had their turn, for what nobody has foreseen; the entry's result is there all the same.
    """
    tally = _Tally(failed=outbox.give_up(now))
    with parts() as part:
        for name in outbox.channels_due(now):
            with part(name):
                _deliver_on(name, entry, clock, tally)
        waiting = Delivery.objects.filter(state=DeliveryState.PENDING).count()
        done = Delivered(tally.sent, tally.failed, waiting)
        entry.result = asdict(done)
    return done


def _deliver_on(name: str, entry: Entry, clock: Clock, tally: _Tally) -> None:
    """Send on one channel until nothing is left, or it fails, or its time is up."""
    try:
        channel = open_channel(name, Deadline(TIME))
    except ChannelRefused as error:
        outbox.note(name, str(error))
        entry.log(f"{name}: {error}")
        return
    turn = _Turn(name, channel, entry, clock, options().headfi_url, Deadline(TIME - ROOM), tally)
    with closing(channel):
        if why := outbox.closed_because(name, fingerprint(channel.setting), clock()):
            outbox.note(name, why)
            entry.log(f"{name} is closed: {why}")
            return
        while turn.may_begin() and (claimed := outbox.claim(name, clock(), channel.together)):
            if not _send_claimed(turn, claimed):
                break


def _send_claimed(turn: _Turn, claimed: Sequence[Delivery]) -> bool:
    """Whether the channel may go on. What it does not come to is given back, whatever happens."""
    with _attempt(turn, claimed):
        news = [news_of(delivery.match, turn.site) for delivery in claimed]
        messages = [[claimed[index] for index in piece] for piece in turn.channel.pieces(news)]
    try:
        return _send_each(turn, messages)
    except BaseException:
        outbox.put_off(claimed, turn.clock(), "")
        raise


def _send_each(turn: _Turn, messages: Sequence[Sequence[Delivery]]) -> bool:
    for index, message in enumerate(messages):
        if not _send(turn, message):
            outbox.put_off([delivery for rest in messages[index + 1 :] for delivery in rest], turn.clock(), "")
            return False
    return True


def _send(turn: _Turn, deliveries: Sequence[Delivery]) -> bool:
    """Send one message, and write down at once what came of it; whether the channel may go on."""
    if not turn.may_begin():
        return _wait(turn, deliveries, timedelta(), "There was no time left for it.")
    try:
        with _attempt(turn, deliveries):
            turn.channel.send([news_of(delivery.match, turn.site) for delivery in deliveries], turn.clock())
            turn.tally.sent += outbox.sent(deliveries, turn.clock())
    except RetryLater as pause:
        return _wait(turn, deliveries, pause.delay, str(pause))
    except DeadlineReached as error:  # in the middle of a message: it may have arrived
        return _not_delivered(turn, deliveries, NotDelivered(str(error)))
    except ChannelRefused as error:
        outbox.close_channel(turn.name, fingerprint(turn.channel.setting), str(error), turn.clock())
        outbox.note(turn.name, str(error))
        return _wait(turn, deliveries, timedelta(), str(error))
    except NotDelivered as error:
        return _not_delivered(turn, deliveries, error)
    return True


@contextmanager
def _attempt(turn: _Turn, deliveries: Sequence[Delivery]) -> Iterator[None]:
    """What nobody has foreseen counts as an attempt, and goes on its way."""
    try:
        yield
    except (RetryLater, DeadlineReached, NotDelivered):
        raise
    except BaseException as error:
        why = f"It was broken off: {type(error).__name__}."
        turn.tally.failed += outbox.try_later(deliveries, why, turn.clock())
        raise


def _not_delivered(turn: _Turn, deliveries: Sequence[Delivery], error: NotDelivered) -> bool:
    """A message that is refused for good says nothing of the next one; all else may hit the next one too."""
    if error.final and len(deliveries) > 1:  # one of them is to blame: find it
        return _send_each(turn, [[each] for each in deliveries])
    if error.retry_in is not None:
        return _wait(turn, deliveries, timedelta(seconds=error.retry_in), str(error))
    turn.entry.log(f"{turn.name}: {error}")
    if error.final:
        turn.tally.failed += outbox.failed(deliveries, str(error))
        return True
    turn.tally.failed += outbox.try_later(deliveries, str(error), turn.clock())
    return False


def _wait(turn: _Turn, deliveries: Sequence[Delivery], delay: timedelta, why: str) -> bool:
    """The channel is left alone for that long."""
    turn.entry.log(f"{turn.name}: {why}")
    outbox.put_off(deliveries, turn.clock() + delay, why)
    return False
