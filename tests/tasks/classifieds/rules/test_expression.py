"""The language of rules: what it takes, what it refuses, where and with what advice."""

import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.classifieds.expression import (
    All,
    Compare,
    Comparison,
    Either,
    InvalidRule,
    Member,
    Missing,
    Not,
    Text,
    TextTest,
    depth,
)
from tasks.classifieds.facts import BY_NAME, FIELDS, Money
from tasks.classifieds.models.rules import CURRENCIES, LONGEST_EXPRESSION
from tasks.classifieds.parsing import DEEPEST, parse
from tasks.classifieds.wording import describe

TITLE, PRICE = BY_NAME["title"], BY_NAME["price"]
HD = Text(TITLE, TextTest.CONTAINS, "HD800")
CHEAP = Compare(PRICE, Comparison.BELOW, Money(Decimal(1000)))

TERMS = st.sampled_from(
    [
        *("title", "price", "listed_at", "seller_reputation", "status", "nonsense", "AND", "or", "Not", "in", "is"),
        *("missing", "contains", "matches", "fuzzy_contains", '"HD800"', "'x\\'y'", '"', "'", "(", ")", "[", "]", ","),
        *("1,250", "1000", "0.5", "USD", "€", "$", "XYZ", "true", "<", "<=", "!=", "==", "# rest\n", "\n", '"[a-z]+("'),
    ]
)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ('title contains "HD800" AND price < 1000', All((HD, CHEAP))),
        ('title CONTAINS "HD800" and PRICE<1,000', All((HD, CHEAP))),
        ('title contains "HD800" OR price < 1000 AND price < 1000', Either((HD, All((CHEAP, CHEAP))))),
        ('(title contains "HD800" OR price < 1000) AND price < 1000', All((Either((HD, CHEAP)), CHEAP))),
        ("NOT price < 1000", Not(CHEAP)),
        ("NOT(price < 1000)", Not(CHEAP)),
        ('title not contains "HD800"', Not(HD)),
        ("price is missing", Missing(PRICE)),
        ("price is not missing", Not(Missing(PRICE))),
        ("price in [100, 99.50 EUR]", Member(PRICE, (Money(Decimal(100)), Money(Decimal("99.50"), "EUR")))),
        ("price not in (£5, $6)", Not(Member(PRICE, (Money(Decimal(5), "GBP"), Money(Decimal(6), "USD"))))),
        ("price == €1,250.75", Compare(PRICE, Comparison.EQUAL, Money(Decimal("1250.75"), "EUR"))),
        ('type = "for sale"', Compare(BY_NAME["listing_type"], Comparison.EQUAL, "For Sale")),
        ('seller_username != "Ada"', Not(Compare(BY_NAME["seller"], Comparison.EQUAL, "Ada"))),
        ('shipping startswith "US"', Text(BY_NAME["ships_to"], TextTest.STARTS_WITH, "US")),
        ('title matches "64\\s*Audio"', Text(TITLE, TextTest.MATCHES, r"64\s*Audio")),
        (r'title contains "a \"b\" \\ c"', Text(TITLE, TextTest.CONTAINS, 'a "b" \\ c')),
        ("price < 1000 # not more", CHEAP),
        ("# first\nprice\n<\n1000", CHEAP),
    ],
)
def test_what_is_written_is_read(text: str, tree: Any) -> None:
    assert parse(text) == tree


def test_days_and_moments_are_read_in_utc() -> None:
    assert parse('listed_at > "2026-09-14"') == Compare(BY_NAME["listed_at"], Comparison.ABOVE, date(2026, 9, 14))
    moment = datetime(2026, 9, 14, 16, 30, tzinfo=UTC)
    assert parse('listed_at > "2026-09-14 18:30+02:00"') == Compare(BY_NAME["listed_at"], Comparison.ABOVE, moment)


@pytest.mark.parametrize(
    ("text", "line", "column", "advice"),
    [
        ("", 1, 1, "Write what to look for"),
        ('titel contains "x"', 1, 1, "Did you mean title?"),
        ('price < 5 AND\n  colour = "red"', 2, 3, "colour is no field. There are: title, price"),
        ("price < 100 XYZ", 1, 13, "XYZ is no currency that is known"),
        ('price contains "x"', 1, 7, "price is an amount of money, not a text"),
        ('title < "x"', 1, 7, "has no order"),
        ("title contains x", 1, 16, 'A text needs quotes: "x".'),
        ('title contains "x', 1, 16, "This text has no end"),
        ("title contains \u201cx\u201d", 1, 16, "straight quotes"),
        ("price in (1,250)", 1, 11, "with a space after each comma"),
        ("price < -3", 1, 9, "no minus sign"),
        ("price < 1,2345", 1, 10, "cannot stand here"),
        ("price <", 1, 8, "breaks off here"),
        ("(price < 5", 1, 11, "Expected: )."),
        ("price < 5)", 1, 10, "cannot stand here"),
        ("price < 5 price < 6", 1, 11, "no AND or OR"),
        ('price = "5"', 1, 9, "write it as 1,000 or 900 EUR"),
        ("price = true", 1, 9, "No field is true or false"),
        ("price < 1000000000000", 1, 9, "too large"),
        ('status = "gone"', 1, 10, "It can be: active, sold, closed."),
        ('currency in ["USD", "DEM"]', 1, 21, "It can be: USD, EUR"),
        ("seller_reputation = 5 USD", 1, 21, "seller_reputation is a number"),
        ('listed_at > "soon"', 1, 13, 'write it as "2026-09-14"'),
        ('title = "  "', 1, 9, "is missing"),
        ('title matches "("', 1, 15, "cannot be read"),
        (r'title matches "(a)\1"', 1, 15, "RE2 knows no look-around"),
        ('title matches "(?=x)"', 1, 15, "RE2 knows no look-around"),
        ('title fuzzy_contains "--"', 1, 22, "letters and digits"),
        ("price % 5", 1, 7, "% means nothing"),
        ("price < 5 \x00", 1, 11, "cannot be stored"),
        ("title = '\ud800'", 1, 10, "cannot be stored"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, line: int, column: int, advice: str) -> None:
    with pytest.raises(InvalidRule) as refused:
        parse(text)
    error = refused.value
    assert (error.line, error.column) == (line, column)
    assert advice in str(error)
    assert error.told == f"Line {line}, column {column}: {error}"
    assert 0 <= error.start <= error.end <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 2000,
        "NOT " * 500,
        "NOT " * (DEEPEST + 1) + "price < 5",
        "price < 5 AND (" * 130 + "price < 5" + ")" * 130,
        "price<5 OR(price<5 AND(" * 60 + "price<5" + "))" * 60,
        'title matches "' + "(a*)*" * 60 + '"',
        'title matches "((a{100}){100}){100}"',
        'title matches "' + "(x{1000})" * 20 + '"',
        "price in [" + "1, " * 600 + "1]",
        "9" * 2000,
        '"' + "\\" * 1998,
        "x" * (LONGEST_EXPRESSION + 1),
        "price < 5 " + "#" * 10 + "\n" * 1900 + ")",
    ],
)
def test_hostile_text_is_refused_at_once(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidRule):
        parse(text)
    assert time.monotonic() - began < 1


def test_parentheses_alone_are_no_depth() -> None:
    assert parse("(" * 900 + "price < 1000" + ")" * 900) == CHEAP
    assert depth(parse("NOT " * (DEEPEST - 1) + "price < 1000")) == DEEPEST


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=80), st.lists(TERMS, max_size=25).map(" ".join), st.lists(TERMS, max_size=9).map("".join)
    )
)
def test_reading_raises_nothing_but_invalid_rule(text: str) -> None:
    try:
        found = parse(text)
    except InvalidRule as refused:
        error = refused
    else:
        assert describe(found, "USD")
        return
    assert min(error.line, error.column) >= 1
    assert 0 <= error.start <= error.end <= max(len(text), 1)


def test_a_rule_is_told_in_words() -> None:
    text = 'title contains "HD800" AND (price < 1000 OR NOT price >= 5.5 EUR) AND seller is not missing'
    assert describe(parse(text), "GBP") == (
        "The title contains “HD800” and (the price is below 1,000 GBP or not (the price is at least 5.50 EUR))"
        " and the seller is given"
    )


def test_the_grammar_knows_all_currencies() -> None:
    for currency in CURRENCIES:
        assert parse(f"price < 5 {currency.lower()}") == Compare(PRICE, Comparison.BELOW, Money(Decimal(5), currency))


def test_every_field_can_be_asked_for() -> None:
    assert [parse(f"{field.name} is missing") for field in FIELDS] == [Missing(field) for field in FIELDS]
