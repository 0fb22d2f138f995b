"""sync_tickets: brings the tickets of a Zendesk account, and what was written in them, up to date.

Each page of the export is stored in one transaction with the cursor behind it, so that an end between two pages, of
whatever kind, loses nothing and doubles nothing. A backfill has a cursor of its own: interrupted, it goes on from there
when it is asked for again within a day.
"""

from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.exceptions import AbortRun
from tasks.http import Deadline
from tasks.recording import Entry
from tasks.tickets.comments import fetch_comments
from tasks.tickets.conf import Options, usable_options
from tasks.tickets.merge import Counts, merge
from tasks.tickets.models import Stream, Ticket
from tasks.tickets.zendesk import CursorRefused, Page, Zendesk, name_of, parse_ticket

YOUNGEST = timedelta(minutes=2)  # Zendesk refuses a start less than a minute ago, by its own clock
OVERLAP = timedelta(minutes=5)  # read again when the cursor is lost
RESUMED_WITHIN = timedelta(days=1)  # an interrupted backfill that is older begins anew
LONGEST_BACKFILL = 36_500  # days


def sync_tickets(entry: Entry, *, backfill_days: int | None, now: datetime) -> None:
    """Fetch what has changed since the last time, or in the last `backfill_days` days whatever was fetched before."""
    options = usable_options()
    if backfill_days is not None and not 0 < backfill_days <= LONGEST_BACKFILL:
        raise AbortRun(f"backfill_days is from 1 to {LONGEST_BACKFILL}, not {backfill_days}.")
    stream = _stream_of(options.zendesk_subdomain)
    counts = Counts()
    with closing(Zendesk(options, Deadline(options.pipeline_timeout))) as zendesk:
        walk = _Walk(zendesk, stream, options, entry, counts, now)
        try:
            if backfill_days is None:
                walk.go_on()
            else:
                walk.back(timedelta(days=backfill_days))
            if options.fetch_comments:
                fetch_comments(zendesk, options, entry, counts)
        finally:
            entry.result = asdict(counts)
    entry.log(", ".join(f"{count} {name}" for name, count in asdict(counts).items()))


def _stream_of(subdomain: str) -> Stream:
    """How far that account was read. Raises AbortRun while there are tickets of another, whose numbers are the same."""
    others = Stream.objects.exclude(pk=subdomain)
    if (other := others.first()) and Ticket.objects.exists():
        raise AbortRun(
            f"The tickets in this database are of the Zendesk account {other}, and ZENDESK_SUBDOMAIN is {subdomain}. "
            f"Set it back, or give {subdomain} a database of its own, or delete all tickets first: "
            'manage.py shell -c "from tasks.tickets.models import Ticket; Ticket.objects.all().delete()"'
        )
    others.delete()  # nothing is left of what was read there
    return Stream.objects.get_or_create(pk=subdomain)[0]


class _Walk:
    """One walk through the export, page by page."""

    def __init__(
        self, zendesk: Zendesk, stream: Stream, options: Options, entry: Entry, counts: Counts, now: datetime
    ) -> None:
        self._zendesk = zendesk
        self._stream = stream
        self._options = options
        self._entry = entry
        self._counts = counts
        self._now = now

    def go_on(self) -> None:
        """From the stored cursor to the end; the first time from as far back as the settings say."""
        stream = self._stream
        first = self._since(timedelta(days=self._options.first_backfill_days))
        try:
            self._export(first, stream.cursor)
        except CursorRefused:
            restart = min(self._reached(first), self._since(YOUNGEST))
            self._entry.log(f"Zendesk no longer knows the cursor: the export is read again from {_told(restart)}.")
            self._export(restart, "")

    def _reached(self, first: int) -> int:
        """Up to where the export was surely read; a moment that is yet to come tells nothing of that."""
        until, synced = self._stream.generated_until, self._stream.synced_at
        if until is not None and until <= self._now.timestamp():
            return until - _seconds(OVERLAP)
        return _seconds(synced.timestamp()) - _seconds(OVERLAP) if synced else first

    def back(self, span: timedelta) -> None:
        """All that has changed within `span`; where the export goes on stays as it is."""
        stream, since = self._stream, self._since(span)
        begun = stream.backfill_begun_at
        if not (stream.backfill_cursor and begun and self._now - begun < RESUMED_WITHIN and self._covers(since)):
            self._begin(since)
        else:
            self._entry.log(f"The backfill of {begun:%Y-%m-%d %H:%M} UTC goes on where it was interrupted.")
        try:
            self._backfill(stream.backfill_since or since, stream.backfill_cursor)
        except CursorRefused:
            self._entry.log(f"Zendesk no longer knows the cursor: the backfill begins again at {_told(since)}.")
            self._begin(since)
            self._backfill(since, "")

    def _begin(self, since: int) -> None:
        """Write down where this backfill begins, before a cursor of it is stored."""
        stream = self._stream
        stream.backfill_cursor, stream.backfill_since, stream.backfill_begun_at = "", since, self._now
        stream.save(update_fields=["backfill_cursor", "backfill_since", "backfill_begun_at"])

    def _covers(self, since: int) -> bool:
        """Whether the interrupted backfill began early enough."""
        return self._stream.backfill_since is not None and self._stream.backfill_since <= since

    def _export(self, start_time: int, cursor: str) -> None:
        for page in self._zendesk.tickets(start_time=start_time, cursor=cursor):
            position: dict[str, Any] = {"synced_at": self._now} if page.is_last else {}
            if page.after_cursor:
                position["cursor"] = page.after_cursor
            self._keep(page, position, moves_on=True)

    def _backfill(self, start_time: int, cursor: str) -> None:
        for page in self._zendesk.tickets(start_time=start_time, cursor=cursor):
            self._keep(page, {"backfill_cursor": "" if page.is_last else page.after_cursor}, moves_on=False)

    def _keep(self, page: Page, position: dict[str, Any], *, moves_on: bool) -> None:
        """Store a page and where the walk is after it."""
        tickets = []
        for raw in page.tickets:
            with self._entry.item(name_of(raw)):
                tickets.append(parse_ticket(raw, self._now))
        self._counts.fetched += len(page.tickets)
        self._counts.failed += len(page.tickets) - len(tickets)
        latest = max((ticket.generated_at for ticket in tickets), default=0)
        if moves_on and latest > min(self._stream.generated_until or 0, self._since(YOUNGEST)):
            self._stream.generated_until = position["generated_until"] = latest
        merge(self._stream, tickets, position, self._counts, self._now)

    def _since(self, span: timedelta) -> int:
        return _seconds(self._now.timestamp()) - _seconds(max(span, YOUNGEST))


def _seconds(span: timedelta | float) -> int:
    return int(span.total_seconds() if isinstance(span, timedelta) else span)


def _told(moment: int) -> str:
    """Seconds since the epoch, for people."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
