"""Message batches: sent once, whatever interrupts it, and their results stored once, in any order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduling.exceptions import RetryLater
from tasks.demo.messages import BATCHES, Messages
from tasks.demo.upstream import Upstream
from tasks.exceptions import AbortRun, UpstreamError
from tasks.models import TaskRecord
from tasks.recording import record
from tasks.tickets.analyze import analyze_tickets, collect_batches
from tasks.tickets.models import Analysis, Batch, Issue, Ticket, Usage
from tasks.tickets.reading import read
from tests.tasks.tickets.factories import make_ticket

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)  # the loopback service tells the real time
TICKETS = 12

type Configured = Callable[..., None]


def analyze(batch_size: int | None = None, now: datetime = NOW, taken_before: int = 0) -> dict[str, Any]:
    with record(None, "analyze", task_name="tests") as entry:
        analyze_tickets(entry, batch_size=batch_size, clock=lambda: now, taken_before=taken_before)
    return dict(entry.result)


def collect() -> dict[str, Any]:
    with record(None, "collect", task_name="tests") as entry:
        collect_batches(entry, clock=lambda: NOW)
    return dict(entry.result)


def states() -> dict[str, int]:
    found = [str(state) for state in Ticket.objects.values_list("analysis", flat=True)]
    return {state: found.count(state) for state in sorted(set(found))}


def last_log() -> str:
    return TaskRecord.objects.latest("id").log_output


@pytest.fixture(autouse=True)
def tickets(configured: Configured) -> list[Ticket]:
    configured(MESSAGE_BATCHES_FROM=10)
    return [make_ticket(number) for number in range(1, TICKETS + 1)]


@pytest.fixture
def slow(messages: Messages) -> Messages:
    """A service whose batches do not end in the run that sends them."""
    messages.polls = 10**6
    return messages


def test_a_small_batch_ends_in_the_run_that_sends_it(upstream: Upstream) -> None:
    result = analyze()
    assert (result["analysed"], result["issues"], result["waiting"]) == (TICKETS, TICKETS, 0)
    assert Usage.objects.get().requests == TICKETS
    batch = Batch.objects.get()
    assert (batch.batch_id, batch.size, batch.ended_at) == ("msgbatch_1", TICKETS, NOW)
    assert not Ticket.objects.exclude(batch=None).exists()
    assert all(request.path.startswith(BATCHES) for request in upstream.requests)


def test_fewer_tickets_are_asked_about_one_by_one(upstream: Upstream) -> None:
    analyze(batch_size=9)
    assert upstream.asked(BATCHES) == 0


def test_a_batch_that_takes_long_keeps_no_run_waiting(slow: Messages) -> None:
    result = analyze()
    assert (result["analysed"], result["waiting"], result["in_batch"], states()) == (0, 12, 12, {"sent": TICKETS})
    assert "12 in a batch" in last_log()
    assert analyze()["taken"] == 0
    assert len(slow.batches) == 1, "it is not sent again"
    slow.polls = 0
    assert analyze(now=NOW + timedelta(hours=10))["analysed"] == TICKETS


def test_results_are_collected_between_two_runs_and_nothing_is_sent(slow: Messages, upstream: Upstream) -> None:
    analyze(batch_size=10)
    assert collect()["in_batch"] == 10
    slow.polls = 0
    result = collect()
    assert (result["analysed"], result["in_batch"], states()) == (10, 0, {"done": 10, "pending": 2})
    asked = len(upstream.requests)
    assert (collect()["analysed"], len(upstream.requests), len(slow.batches)) == (0, asked, 1)


def test_two_who_collect_at_once_store_each_result_once(slow: Messages, monkeypatch: pytest.MonkeyPatch) -> None:
    analyze()
    slow.polls = 0
    others = [collect]

    def overtaken(*arguments: Any, **named: Any) -> Any:
        for other in [others.pop()] if others else []:
            assert other()["analysed"] == TICKETS
        return read(*arguments, **named)

    monkeypatch.setattr("tasks.tickets.batches.read", overtaken)
    assert collect()["analysed"] == 0
    assert (Issue.objects.count(), Usage.objects.get().requests) == (TICKETS, TICKETS)


def test_without_a_key_collecting_frees_the_tickets(slow: Messages, configured: Configured) -> None:
    analyze()
    configured(ANTHROPIC_API_KEY="")
    collect()
    assert states() == {"pending": TICKETS}


def test_a_further_attempt_sends_nothing_while_a_batch_is_under_way(slow: Messages) -> None:
    analyze(batch_size=10)
    analyze(batch_size=100, taken_before=10)
    assert (len(slow.batches), states()) == (1, {"pending": 2, "sent": 10})


def test_the_tickets_are_cut_into_batches(monkeypatch: pytest.MonkeyPatch, messages: Messages) -> None:
    monkeypatch.setattr("tasks.tickets.batches.SIZE", 5)
    assert analyze()["analysed"] == TICKETS
    assert [len(requests) for requests in messages._requests.values()] == [5, 5, 2]


def test_a_batch_whose_answer_is_lost_is_found_again_and_not_sent_twice(upstream: Upstream, messages: Messages) -> None:
    upstream.drop(BATCHES)
    with pytest.raises(UpstreamError):
        analyze()
    assert (Batch.objects.get().batch_id, states()) == (None, {"sent": TICKETS})
    messages.polls = 0
    assert analyze()["analysed"] == TICKETS
    assert len(messages.batches) == 1
    assert "although the run that sent it was not told" in last_log()


def test_a_batch_that_never_arrived_is_sent_again_after_a_while(upstream: Upstream, messages: Messages) -> None:
    upstream.fail(BATCHES, 500)  # before it arrives
    with pytest.raises(UpstreamError):
        analyze()
    assert analyze(now=NOW + timedelta(minutes=5))["in_batch"] == TICKETS
    assert messages.batches == {}, "it may still be on its way"
    assert analyze(now=NOW + timedelta(minutes=16))["analysed"] == TICKETS
    assert len(messages.batches) == 1


def test_a_batch_of_others_that_was_taken_for_ours_harms_nothing(upstream: Upstream, messages: Messages) -> None:
    upstream.fail(BATCHES, 500)  # before it arrives
    with pytest.raises(UpstreamError):
        analyze()
    params = {"model": "claude-haiku-4-5", "messages": [{"content": "x"}], "tool_choice": {"name": "y"}}
    theirs = [{"custom_id": f"theirs-{number}", "params": params} for number in range(TICKETS)]
    messages._begin({"requests": theirs})
    messages.polls = 0
    result = analyze()
    assert (result["analysed"], len(messages.batches)) == (TICKETS, 2)
    assert "has no result" in str(TaskRecord.objects.latest("id").log_output)


@pytest.mark.parametrize("status", [400, 413, 401])
def test_a_batch_that_is_refused_frees_its_tickets(upstream: Upstream, status: int) -> None:
    upstream.fail(BATCHES, status)
    with pytest.raises((UpstreamError, AbortRun)):
        analyze()
    assert (TaskRecord.objects.latest("id").result or {})["taken"] == 0
    assert (states(), Batch.objects.count()) == ({"pending": TICKETS}, 0)


@pytest.mark.parametrize("status", [429, 529])
def test_a_batch_that_is_put_off_frees_its_tickets(upstream: Upstream, status: int) -> None:
    upstream.fail(BATCHES, status, headers={"Retry-After": "600"})
    with pytest.raises(RetryLater) as asked:
        analyze()
    assert (asked.value.delay, states()) == (timedelta(minutes=10), {"pending": TICKETS})
    assert not Batch.objects.exists()


def test_each_fate_of_a_request_is_handled(messages: Messages) -> None:
    messages.fates = {"Ticket 12": "errored", "Ticket 11": "canceled", "Ticket 10": "expired", "Ticket 9": "lost"}
    messages.moods = {"Ticket 8": "refusal"}
    result = analyze()
    assert (result["analysed"], result["failed"]) == (TICKETS - 5, 4)
    attempts = {ticket.subject: ticket.analysis_attempts for ticket in Ticket.objects.filter(analysis=Analysis.PENDING)}
    assert attempts == {"Ticket 12": 1, "Ticket 11": 0, "Ticket 10": 0, "Ticket 9": 1, "Ticket 8": 1}
    assert "invalid_request_error" in Ticket.objects.get(subject="Ticket 12").analysis_error
    assert not Ticket.objects.exclude(batch=None).exists()


def test_a_ticket_for_which_there_is_never_a_result_fails_after_three_batches(
    messages: Messages, configured: Configured
) -> None:
    configured(MESSAGE_BATCHES_FROM=1)
    messages.fates = {"Ticket 9": "lost"}
    for attempt in (1, 2, 3):
        assert analyze()["failed"] == (attempt == 3)
        ticket = Ticket.objects.get(subject="Ticket 9")
        assert (ticket.analysis, ticket.analysis_attempts) == ("failed" if attempt == 3 else "pending", attempt)
    analyze()
    assert len(messages.batches) == 3
    assert "no result" in ticket.analysis_error


def test_results_that_break_off_are_stored_as_far_as_they_go_and_only_once(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.tickets.batches.CHUNK", 2)
    upstream.truncate("/results", 3000, times=3)
    with pytest.raises(UpstreamError):
        analyze()
    stored = Issue.objects.count()
    assert 0 < stored < TICKETS
    assert analyze()["analysed"] == TICKETS - stored
    assert (Issue.objects.count(), Usage.objects.get().requests) == (TICKETS, TICKETS)


def test_results_that_are_no_longer_kept_free_the_tickets(upstream: Upstream) -> None:
    upstream.fail("/results", 404)
    analyze()
    assert states() == {"pending": TICKETS}
    assert Batch.objects.get().ended_at == NOW


def test_results_are_read_again_when_they_break_off_once(upstream: Upstream) -> None:
    upstream.truncate("/results", 3000)
    assert analyze()["analysed"] == TICKETS


def test_lines_that_are_no_results_are_left_out(upstream: Upstream) -> None:
    upstream.fail("/results", 200, body=b'nonsense\n{}\n[1]\n{"custom_id": 7, "result": {"type": "succeeded"}}\n')
    result = analyze()
    assert result["analysed"] == 0
    assert states() == {"pending": TICKETS}


def test_a_ticket_that_changes_meanwhile_is_analysed_again(slow: Messages, tickets: list[Ticket]) -> None:
    analyze()
    Ticket.objects.filter(pk=tickets[0].pk).update(content_hash="another", analysis=Analysis.PENDING)
    slow.polls = 0
    result = analyze()
    assert (result["analysed"], Issue.objects.filter(ticket=tickets[0]).count()) == (TICKETS, 1)
    assert Usage.objects.get().requests == TICKETS + 1, "what was thrown away was paid for"


def test_a_batch_that_is_gone_frees_its_tickets(slow: Messages) -> None:
    analyze()
    slow.batches.clear()
    slow.polls = 0
    assert analyze()["analysed"] == TICKETS


def test_the_budget_bounds_a_batch_and_counts_it_while_it_is_under_way(slow: Messages, configured: Configured) -> None:
    configured(DAILY_TOKENS=10_000)
    analyze()
    assert 0 < states()["sent"] < TICKETS
    assert "goes on after" in last_log()
    analyze()
    assert len(slow.batches) == 1


def test_the_key_goes_only_to_our_own_address_of_the_results(upstream: Upstream) -> None:
    analyze()
    assert upstream.asked(f"{BATCHES}/msgbatch_1/results") == 1
