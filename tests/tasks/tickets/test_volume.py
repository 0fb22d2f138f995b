"""Many tickets: all of them come through, and memory does not grow with them."""

import gc
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.demo.upstream import Clock
from tasks.demo.zendesk import Zendesk
from tasks.models import TaskRecord
from tasks.recording import record
from tasks.tickets.analyze import analyze_tickets
from tasks.tickets.models import Ticket
from tasks.tickets.sync import sync_tickets

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]
TICKETS = 10_000
MOST_MEMORY = 30_000  # kB beyond those at the start, the pages of the loopback Zendesk included; measured: 11,000
PEAK, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@pytest.fixture
def zendesk(clock: Clock) -> Zendesk:
    zendesk = Zendesk(clock, tickets=TICKETS)
    zendesk.exports_per_minute = 1000
    return zendesk


def peak() -> int:
    """The most memory that this process has had since the last look, in kB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", PEAK.read_text())
    assert found
    gc.collect()
    RESET.write_text("5")
    return int(found[1])


@pytest.mark.skipif(not RESET.exists(), reason="only Linux tells the peak of a part")
def test_ten_thousand_tickets_are_fetched_and_analysed_in_little_memory(
    zendesk: Zendesk, clock: Clock, configured: Callable[..., None]
) -> None:
    configured(FETCH_COMMENTS=False, ANTHROPIC_API_KEY="")
    peak()
    before = peak()
    with record(None, "sync", task_name="tests") as entry:
        sync_tickets(entry, backfill_days=None, now=clock.now())
    synced = peak() - before
    with record(None, "analyze", task_name="tests") as entry:
        analyze_tickets(entry, batch_size=None, clock=clock.now)
    analysed = peak() - before
    counts = dict(TaskRecord.objects.values_list("label", "items_processed"))
    assert counts == {"sync": TICKETS, "analyze": Ticket.objects.filter(is_deleted=False).count()}
    assert (synced < MOST_MEMORY, analysed < MOST_MEMORY) == (True, True), (synced, analysed)
