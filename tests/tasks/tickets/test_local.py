"""The rules that look for issues when there is no model."""

import time

import pytest

from tasks.demo.complaints import CIRCUMSTANCES, HOSTILE, NOISE, NOTES, PROBLEMS, REPLIES, Problem
from tasks.tickets.extract import CATEGORIES, squeezed
from tasks.tickets.local import CATEGORIES as RULES
from tasks.tickets.local import OTHER, issues_in, key_phrases, points, severity_of
from tasks.tickets.models import Severity


def ticket(sentence: str, subject: str = "A question") -> str:
    return f"{subject}\n\nHello,\n{sentence} It worked until last week.\nRegards, Zoë"


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.title)
def test_most_of_what_customers_write_is_found_and_quoted(problem: Problem) -> None:
    found = [issues_in("A question", ticket(sentence)) for sentence in problem.sentences]
    quotes = {issue.quote for issues in found for issue in issues}
    assert len(quotes & set(problem.sentences)) >= 3
    assert all(len(issues) <= 1 for issues in found)


@pytest.mark.parametrize(("subject", "text"), [*NOISE, HOSTILE])
def test_what_is_no_problem_is_not_found(subject: str, text: str) -> None:
    assert issues_in(subject, f"{subject}\n\n{text}") == []


@pytest.mark.parametrize("sentence", [*CIRCUMSTANCES, *REPLIES, *NOTES])
def test_what_stands_around_a_problem_is_none(sentence: str) -> None:
    assert issues_in("", sentence) == []


def test_the_subject_names_the_strongest_issue_and_each_category_has_one() -> None:
    text = "It crashes. The csv export fails with an error. The app crashes and freezes. My card was charged twice."
    found = issues_in("Trouble", f"Trouble\n\n{text}")
    assert sorted(issue.category for issue in found) == ["billing", "crash", "data"]
    assert found[0].title == "Trouble"
    assert found[1].title in {issue.quote for issue in found}


def test_without_a_subject_the_sentence_names_it_shortened() -> None:
    (found,) = issues_in(
        "", "The export of all the invoices of the last year fails with an error that nobody of us understands."
    )
    assert len(found.title) <= 80
    assert found.quote.startswith(found.title)


def test_every_quote_occurs_in_the_ticket() -> None:
    text = (
        "Export\n\nThe export\tfails   with error v2.3 again!! Why?\n> The quoted export fails with an error.\n"
        + "bug " * 900
    )
    for found in issues_in("Export", text):
        assert found.quote in squeezed(text)
        assert "quoted" not in found.quote


def test_what_we_have_put_in_ourselves_is_not_read() -> None:
    assert issues_in("", "--- reply that fails with an error, 2026-01-01") == []


def test_how_bad_it_is() -> None:
    told = ("We are locked out", "The app crashes", "The tax is wrong by one cent", "It is wrong")
    assert [severity_of(one) for one in told] == [Severity.CRITICAL, Severity.HIGH, Severity.LOW, Severity.MEDIUM]


def test_a_word_counts_from_its_beginning() -> None:
    assert points("The prefix of a debugger is unfailing") == 0
    assert points("It fails") >= 2


def test_the_phrases_are_what_stands_between_little_words() -> None:
    assert key_phrases("The csv export of my invoices is empty.")[0] == "csv export"
    assert key_phrases("") == []


def test_the_categories_are_those_of_the_model() -> None:
    assert {*RULES, OTHER} <= set(CATEGORIES)


@pytest.mark.parametrize("text", ["fail " * 5000, "." * 24_000, "a" * 24_000, "'-" * 12_000, "fails.\n" * 3400])
def test_odd_texts_take_no_longer_than_others(text: str) -> None:
    began = time.monotonic()
    issues_in("", text)
    assert time.monotonic() - began < 2
