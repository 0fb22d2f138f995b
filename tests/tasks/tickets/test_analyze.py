"""The analysis of tickets, by the loopback model and by rules: issues, failures, budget."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduling.exceptions import RetryLater
from tasks.demo.complaints import HOSTILE, PROBLEMS
from tasks.demo.messages import Messages
from tasks.demo.upstream import Upstream
from tasks.exceptions import AbortRun, DeadlineReached
from tasks.models import RateBucket, TaskRecord
from tasks.recording import record
from tasks.tickets import budget
from tasks.tickets.analyze import analyze_tickets
from tasks.tickets.asking import ModelOut
from tasks.tickets.claude import time_to_reset
from tasks.tickets.extract import Found
from tasks.tickets.models import Analysis, Batch, Cluster, Comment, Issue, Method, Ticket, Usage
from tasks.tickets.outcomes import Finder, Outcome, store
from tests.tasks.tickets.factories import NOON as NOW
from tests.tasks.tickets.factories import make_ticket

pytestmark = pytest.mark.django_db
JSON = {"Content-Type": "application/json"}

type Configured = Callable[..., None]


def analyze(batch_size: int | None = None, now: datetime = NOW, taken_before: int = 0) -> dict[str, Any]:
    with record(None, "analyze", task_name="tests") as entry:
        analyze_tickets(entry, batch_size=batch_size, clock=lambda: now, taken_before=taken_before)
    return dict(entry.result)


def last_log() -> str:
    return TaskRecord.objects.latest("id").log_output


@pytest.fixture
def tickets(configured: Configured) -> list[Ticket]:
    return [make_ticket(number) for number in range(1, 7)]


def sent(upstream: Upstream) -> list[str]:
    """The texts that the model was asked about, in that order."""
    asked = [request for request in upstream.requests if request.path == "/v1/messages"]
    return [request.fields()["messages"][0]["content"] for request in asked]


def test_the_model_finds_issues_and_its_use_is_counted(tickets: list[Ticket]) -> None:
    result = analyze()
    assert {name: result[name] for name in ("analysed", "issues", "failed", "waiting", "method")} == {
        **{"analysed": 6, "issues": 6, "failed": 0, "waiting": 0},
        "method": "model",
    }
    issue = Issue.objects.get(ticket=tickets[0])
    problem = PROBLEMS[1]
    assert (issue.title, issue.category, issue.severity) == (problem.title, problem.category, problem.severity)
    assert (issue.quote, issue.method, issue.model) == (problem.sentences[0], Method.MODEL, "claude-haiku-4-5")
    ticket = issue.ticket
    assert (ticket.analysis, ticket.analysed_hash) == (Analysis.DONE, ticket.content_hash)
    usage = Usage.objects.get(day=NOW.date())
    assert (usage.requests, usage.input_tokens) == (6, result["input_tokens"])
    assert usage.output_tokens == result["output_tokens"] > 0


def test_what_was_analysed_is_not_analysed_again(tickets: list[Ticket], upstream: Upstream) -> None:
    analyze()
    assert analyze()["analysed"] == 0
    assert len(sent(upstream)) == 6


def test_the_newest_come_first_and_no_more_than_the_batch_size(tickets: list[Ticket], upstream: Upstream) -> None:
    assert analyze(batch_size=2)["waiting"] == 4
    assert ["Ticket 6" in sent(upstream)[0], "Ticket 5" in sent(upstream)[1]] == [True, True]


def test_all_attempts_of_a_run_take_no_more_than_the_batch_size(tickets: list[Ticket], upstream: Upstream) -> None:
    assert analyze(batch_size=4, taken_before=1)["taken"] == 3
    assert analyze(batch_size=4, taken_before=4)["taken"] == 0
    assert len(sent(upstream)) == 3


def test_internal_notes_stay_here_unless_configured(
    tickets: list[Ticket], upstream: Upstream, configured: Configured
) -> None:
    for number, is_public in enumerate((True, False)):
        said = {"comment_id": number, "body": f"said {is_public}", "written_at": NOW, "author_id": 1}
        Comment.objects.create(ticket=tickets[5], is_public=is_public, **said)
    analyze(batch_size=1)
    assert "said True" in sent(upstream)[0]
    assert "said False" not in sent(upstream)[0]
    configured(INTERNAL_NOTES=True)
    Ticket.objects.update(analysis=Analysis.PENDING)
    analyze(batch_size=1)
    assert "said False" in sent(upstream)[1]


def test_a_description_that_is_an_internal_note_stays_here_unless_configured(
    configured: Configured, upstream: Upstream
) -> None:
    make_ticket(1, "The password is tulip.", description_is_internal=True)
    analyze()
    assert "Ticket 1" in sent(upstream)[0]
    assert "tulip" not in sent(upstream)[0]
    configured(INTERNAL_NOTES=True)
    Ticket.objects.update(analysis=Analysis.PENDING)
    analyze()
    assert "tulip" in sent(upstream)[1]


def test_a_long_ticket_is_cut(configured: Configured, upstream: Upstream) -> None:
    ticket = make_ticket(1, "x" * 60_000)
    Comment.objects.create(comment_id=1, ticket=ticket, is_public=True, body="y" * 60_000, written_at=NOW)
    analyze()
    assert len(sent(upstream)[0]) < 25_000


@pytest.mark.parametrize(
    ("mood", "told"),
    [("max_tokens", "cut off"), ("refusal", "refuses"), ("garbled", "an issue"), ("silent", "nothing")],
)
def test_a_failed_extraction_is_no_empty_success_and_is_tried_three_times(
    tickets: list[Ticket], messages: Messages, mood: str, told: str
) -> None:
    messages.moods["Ticket 3"] = mood
    bad = tickets[2]
    for attempt in (1, 2, 3):
        result = analyze()
        bad.refresh_from_db()
        assert (result["failed"], bad.analysis_attempts) == (1, attempt)
        assert bad.analysis == (Analysis.FAILED if attempt == 3 else Analysis.PENDING)
        assert told in bad.analysis_error.lower() or told in bad.analysis_error
    assert analyze()["failed"] == 0
    assert Ticket.objects.filter(analysis=Analysis.DONE).count() == 5
    assert Usage.objects.get().requests == 5 + 3, "a failed answer costs too"


def test_a_failure_keeps_the_issues_that_there_were(tickets: list[Ticket], messages: Messages) -> None:
    analyze()
    Ticket.objects.update(analysis=Analysis.PENDING)
    messages.moods["Ticket 3"] = "refusal"
    analyze()
    assert Issue.objects.count() == 6


def test_an_issue_without_a_true_quote_is_dropped_and_counted(tickets: list[Ticket], messages: Messages) -> None:
    messages.moods["Ticket 3"] = "misquoted"
    result = analyze()
    assert (result["analysed"], result["issues"], result["dropped"]) == (6, 5, 1)
    assert not Issue.objects.filter(ticket=tickets[2]).exists()


def test_the_same_issue_again_and_again_counts_once(tickets: list[Ticket], messages: Messages) -> None:
    messages.moods["Ticket 3"] = "too_many"
    result = analyze()
    assert (result["issues"], result["dropped"]) == (6, 29)


def test_a_ticket_that_gives_orders_stays_between_its_fences(configured: Configured, upstream: Upstream) -> None:
    subject, text = HOSTILE
    make_ticket(1, text, subject=subject)
    assert analyze()["issues"] == 0
    assert sent(upstream)[0].count("</ticket>") == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_ticket_that_is_refused_fails_alone_and_for_good_once_another_is_answered(
    tickets: list[Ticket], upstream: Upstream, status: int
) -> None:
    upstream.fail("/v1/messages", status, times=2)
    result = analyze()
    assert (result["analysed"], result["failed"], result["waiting"]) == (4, 2, 0)
    failed = Ticket.objects.filter(analysis=Analysis.FAILED)
    assert list(failed.values_list("analysis_attempts", flat=True)) == [1, 1]


def test_the_last_ticket_that_is_refused_has_three_attempts(configured: Configured, upstream: Upstream) -> None:
    make_ticket(1)
    upstream.fail("/v1/messages", 400, times=3)
    for attempt in (1, 2, 3):
        assert analyze()["failed"] == 1
        ticket = Ticket.objects.get()
        assert ticket.analysis == (Analysis.FAILED if attempt == 3 else Analysis.PENDING)
        assert (ticket.analysis_attempts, "400" in ticket.analysis_error) == (attempt, True)


def test_a_refusal_of_each_ticket_ends_the_run_and_lets_none_fail(tickets: list[Ticket], upstream: Upstream) -> None:
    upstream.fail("/v1/messages", 400, times=99)
    for attempts in (1, 1, 2, 2, 3, 3):
        with pytest.raises(ModelOut, match="3 times in a row"):
            analyze()
        assert Ticket.objects.filter(analysis=Analysis.PENDING).count() == 6
        assert max(Ticket.objects.values_list("analysis_attempts", flat=True)) == attempts
    assert len(sent(upstream)) == 6 * 3, "those that were not asked about come first in the next run"


def test_being_sent_elsewhere_ends_the_run_and_is_no_attempt(tickets: list[Ticket], upstream: Upstream) -> None:
    upstream.fail("/v1/messages", 302, times=99, headers={"Location": "http://127.0.0.1:1/"})
    with pytest.raises(ModelOut, match="redirects"):
        analyze()
    assert Ticket.objects.filter(analysis=Analysis.PENDING, analysis_attempts=0).count() == 6


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "ANTHROPIC_API_KEY"), (402, "no credit"), (403, "may not use"), (404, "ANTHROPIC_MODEL")],
)
def test_a_refusal_of_all_says_what_to_do(tickets: list[Ticket], upstream: Upstream, status: int, advice: str) -> None:
    upstream.fail("/v1/messages", status)
    with pytest.raises(AbortRun, match=advice):
        analyze()
    assert len(sent(upstream)) == 1
    assert Ticket.objects.filter(analysis=Analysis.PENDING, analysis_attempts=0).count() == 6


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("Your credit balance is too low to access the API.", "no credit"),
        ("You have reached your specified API usage limits.", "usage limit"),
        ("This organization has been disabled.", "disabled the organisation"),
    ],
)
@pytest.mark.parametrize("status", [400, 403])
def test_an_account_that_may_ask_nothing_is_told_from_a_bad_request(
    tickets: list[Ticket], upstream: Upstream, status: int, said: str, advice: str
) -> None:
    upstream.fail("/v1/messages", status, headers=JSON, body=b'{"error": {"message": "%s"}}' % said.encode())
    with pytest.raises(AbortRun, match=advice):
        analyze()
    assert Ticket.objects.filter(analysis=Analysis.PENDING, analysis_attempts=0).count() == 6


def test_a_wrong_key_is_in_no_error(tickets: list[Ticket], configured: Configured) -> None:
    configured(ANTHROPIC_API_KEY="tell-nobody")
    with pytest.raises(AbortRun) as refused:
        analyze()
    assert "tell-nobody" not in repr(refused.value) + repr(refused.value.__cause__) + last_log()


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 529},
        {"status": 408},
        {"status": 500},
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"status": 200, "headers": {"Content-Type": "text/html"}, "body": b"<h1>Sorry</h1>"},
        {"status": 200, "headers": JSON, "body": b'{"type": "error"}'},
        {"status": 200, "headers": JSON, "body": b'{"usage": {}, "content": 7, "stop_reason": null}'},
        {"status": 204},
    ],
)
def test_what_fails_once_is_asked_again(tickets: list[Ticket], upstream: Upstream, fault: dict[str, Any]) -> None:
    upstream.fail("/v1/messages", **fault)
    assert analyze()["analysed"] == 6
    assert len(sent(upstream)) == 7


def test_an_answer_that_breaks_off_is_asked_for_again(tickets: list[Ticket], upstream: Upstream) -> None:
    upstream.truncate("/v1/messages", 50)
    upstream.drop("/v1/messages")
    assert analyze()["analysed"] == 6


def test_an_outage_ends_the_run_and_is_no_attempt(
    tickets: list[Ticket], messages: Messages, upstream: Upstream
) -> None:
    messages.overloads = 99
    with pytest.raises(ModelOut):
        analyze()
    assert len(sent(upstream)) == 3 * 4
    assert Ticket.objects.filter(analysis=Analysis.PENDING, analysis_attempts=0).count() == 6


def test_a_long_pause_gives_the_worker_back(tickets: list[Ticket], upstream: Upstream) -> None:
    analyze(batch_size=2)
    upstream.fail("/v1/messages", 429, headers={"Retry-After": "600"})
    with pytest.raises(RetryLater) as asked:
        analyze()
    assert asked.value.delay == timedelta(minutes=10)
    assert Issue.objects.count() == 2


def test_the_deadline_ends_the_run(tickets: list[Ticket], upstream: Upstream, configured: Configured) -> None:
    configured(PIPELINE_TIMEOUT=0.2)
    upstream.slow("/v1/messages", 0.3, times=9)
    with pytest.raises(DeadlineReached):
        analyze()


def test_when_nothing_is_left_all_workers_pause(tickets: list[Ticket], messages: Messages) -> None:
    messages.remaining = 0
    analyze(batch_size=1)
    held = RateBucket.objects.get(pk__startswith="Anthropic").held_until
    assert held - datetime.now(UTC).timestamp() == pytest.approx(30, abs=10)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"anthropic-ratelimit-requests-remaining": "4"}, None),
        ({"anthropic-ratelimit-requests-remaining": "0"}, None),
        ({"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "soon"}, None),
        ({"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "2026-10-01T12:00:20Z"}, 20),
    ],
)
def test_the_headers_tell_when_there_is_room_again(headers: dict[str, str], seconds: float | None) -> None:
    assert time_to_reset(headers, NOW) == seconds


def test_the_budget_of_a_day_ends_the_run_well(
    tickets: list[Ticket], upstream: Upstream, configured: Configured
) -> None:
    configured(DAILY_TOKENS=4000)
    result = analyze()
    assert 0 < result["analysed"] < 6
    assert result["waiting"] == 6 - result["analysed"]
    assert "goes on after 2026-10-02 00:00 UTC" in last_log()
    asked = len(sent(upstream))
    assert analyze()["analysed"] == 0
    assert len(sent(upstream)) == asked
    assert analyze(now=NOW + timedelta(days=1))["analysed"] > 0


def test_what_is_asked_after_midnight_is_of_the_next_day(tickets: list[Ticket], configured: Configured) -> None:
    configured(DAILY_TOKENS=3000)
    midnight = NOW.replace(hour=0) + timedelta(days=1)

    def clock() -> datetime:
        """It strikes twelve after the first answer."""
        return midnight if Usage.objects.exists() else midnight - timedelta(seconds=1)

    with record(None, "analyze", task_name="tests") as entry:
        analyze_tickets(entry, batch_size=None, clock=clock)
    requests = dict(Usage.objects.values_list("day", "requests"))
    assert requests == {NOW.date(): 1, midnight.date(): entry.result["analysed"] - 1}
    assert requests[midnight.date()] >= 1
    assert "goes on after 2026-10-03 00:00 UTC" in last_log()


@pytest.mark.sqlite_only
def test_what_is_left_of_a_day() -> None:
    assert budget.left(0, NOW) is None
    assert budget.left(100, NOW) == 100
    budget.spend(NOW, requests=1, input_tokens=20, output_tokens=10)
    budget.spend(NOW, requests=1, input_tokens=20, output_tokens=10)
    Batch.objects.create(key="k", created_at=NOW, size=1, estimate=15)
    Batch.objects.create(key="l", created_at=NOW, size=1, estimate=500, ended_at=NOW)
    assert budget.left(100, NOW) == 25
    assert budget.left(50, NOW) == 0
    assert budget.left(100, NOW + timedelta(days=1)) == 85


def test_a_batch_size_of_nothing_is_refused(tickets: list[Ticket]) -> None:
    with pytest.raises(AbortRun, match="batch_size"):
        analyze(batch_size=0)


def test_deleted_tickets_and_those_whose_comments_are_due_are_left_out(configured: Configured) -> None:
    make_ticket(1, is_deleted=True)
    make_ticket(2, comments_due=True)
    result = analyze()
    assert (result["analysed"], result["waiting"]) == (0, 1)


class TestRules:
    @pytest.fixture(autouse=True)
    def without_key(self, configured: Configured) -> None:
        configured(ANTHROPIC_API_KEY="")

    def test_without_a_key_rules_find_issues_and_say_so(self, tickets: list[Ticket], upstream: Upstream) -> None:
        result = analyze()
        assert (result["analysed"], result["method"], result["input_tokens"]) == (6, "local", 0)
        assert set(Issue.objects.values_list("method", "model")) == {("local", "")}
        assert (Issue.objects.count(), upstream.requests) == (6, [])
        assert Usage.objects.count() == 0

    def test_only_a_given_batch_size_bounds_them(self, tickets: list[Ticket], configured: Configured) -> None:
        configured(ANALYSIS_BATCH_SIZE=1)
        assert analyze(batch_size=2)["taken"] == 2
        assert analyze(batch_size=2, taken_before=2)["analysed"] == 0
        assert analyze()["analysed"] == 4

    def test_tickets_in_a_batch_are_freed(self, tickets: list[Ticket]) -> None:
        batch = Batch.objects.create(key="k", batch_id="b", created_at=NOW, size=6)
        Ticket.objects.update(analysis=Analysis.SENT, batch=batch)
        assert analyze()["analysed"] == 6


class TestStore:
    """Issues are replaced, and those that stay keep their id."""

    @pytest.fixture
    def ticket(self) -> Ticket:
        return make_ticket(1)

    def found(self, title: str, severity: str = "low") -> Found:
        return Found(title, "data", severity, "A summary", "A quote")

    def keep(self, ticket: Ticket, *issues: Found) -> int:
        return store([Outcome(ticket, issues)], Finder(Method.LOCAL, "", lambda: NOW))

    def test_one_that_stays_keeps_its_id_and_cluster(self, ticket: Ticket) -> None:
        self.keep(ticket, self.found("One"), self.found("Two"))
        one = Issue.objects.get(title="One")
        cluster = Cluster.objects.create(name="C", created_at=NOW)
        Issue.objects.update(cluster=cluster)
        assert self.keep(ticket, self.found("One", "high"), self.found("Three")) == 2
        titles = Issue.objects.order_by("title").values_list("title", "severity", "cluster")
        assert list(titles) == [("One", "high", cluster.pk), ("Three", "low", None)]
        assert Issue.objects.get(title="One").pk == one.pk

    def test_a_ticket_that_has_changed_meanwhile_is_left_alone(self, ticket: Ticket) -> None:
        Ticket.objects.update(content_hash="another")
        assert self.keep(ticket, self.found("One")) == 0
        assert Ticket.objects.get().analysis == Analysis.PENDING
        assert not Issue.objects.exists()

    def test_a_ticket_that_was_deleted_meanwhile_gets_none(self, ticket: Ticket) -> None:
        Ticket.objects.update(is_deleted=True)
        assert self.keep(ticket, self.found("One")) == 0

    def test_a_success_wipes_out_earlier_failures(self, ticket: Ticket) -> None:
        Ticket.objects.update(analysis_attempts=2, analysis_error="x")
        self.keep(ticket)
        told = Ticket.objects.values_list("analysis", "analysis_attempts", "analysis_error").get()
        assert told == (Analysis.DONE, 0, "")
