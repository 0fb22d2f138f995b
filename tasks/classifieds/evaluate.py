"""evaluate(expression, facts): whether a rule is true of a listing, false, or not to be known (None).

Kleene's three-valued logic: a test of what is missing is unknown, `!=` and NOT included; unknown AND false is false,
unknown OR true is true. A rule fires only on true.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tasks.classifieds import patterns
from tasks.classifieds.expression import (
    All,
    Compare,
    Comparison,
    Either,
    Expression,
    Member,
    Missing,
    Not,
    Text,
    TextTest,
    Value,
)
from tasks.classifieds.facts import Fact, Facts, Field, Money
from tasks.classifieds.money import Rates

type Truth = bool | None

OPERATORS: Mapping[Comparison, Callable[[Any, Any], bool]] = {
    Comparison.BELOW: operator.lt,
    Comparison.AT_MOST: operator.le,
    Comparison.EQUAL: operator.eq,
    Comparison.AT_LEAST: operator.ge,
    Comparison.ABOVE: operator.gt,
}
TESTS: Mapping[TextTest, Callable[[str, str], bool]] = {  # wanted, text
    TextTest.CONTAINS: lambda wanted, text: wanted.casefold() in text.casefold(),
    TextTest.STARTS_WITH: lambda wanted, text: text.casefold().startswith(wanted.casefold()),
    TextTest.ENDS_WITH: lambda wanted, text: text.casefold().endswith(wanted.casefold()),
    TextTest.MATCHES: patterns.matches,
    TextTest.FUZZY_CONTAINS: patterns.fuzzy_contains,
}


def evaluate(expression: Expression, facts: Facts, rates: Rates, currency: str) -> Truth:
    """Whether it is true of `facts`; amounts without a currency are in `currency`. Never raises."""
    match expression:
        case All(parts):
            return all_of(evaluate(part, facts, rates, currency) for part in parts)
        case Either(parts):
            return either_of(evaluate(part, facts, rates, currency) for part in parts)
        case Not(inner):
            return negated(evaluate(inner, facts, rates, currency))
        case Missing(field):
            return _fact(facts, field) is None
        case Text(field, test, wanted):
            return _any_text(_fact(facts, field), lambda text: TESTS[test](wanted, text))
        case Compare(field, comparison, value):
            return _compare(_fact(facts, field), comparison, value, rates, currency)
        case Member(field, values):
            fact = _fact(facts, field)
            return either_of(_compare(fact, Comparison.EQUAL, value, rates, currency) for value in values)


def all_of(truths: Iterable[Truth]) -> Truth:
    """AND; what comes after a false one is not looked at."""
    result: Truth = True
    for truth in truths:
        if truth is False:
            return False
        result = None if truth is None else result
    return result


def either_of(truths: Iterable[Truth]) -> Truth:
    """OR; what comes after a true one is not looked at."""
    result: Truth = False
    for truth in truths:
        if truth is True:
            return True
        result = None if truth is None else result
    return result


def negated(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _compare(fact: Fact, comparison: Comparison, value: Value, rates: Rates, currency: str) -> Truth:
    compared = OPERATORS[comparison]
    match fact, value:
        case tuple(), str():
            return _any_text(fact, lambda text: _same(text) == _same(value))
        case Money(), Money(amount, given):
            sides = rates.sides(fact, Money(amount, given or currency))
            return None if sides is None else compared(*sides)
        case Decimal(), Decimal():
            return compared(fact, value)
        case datetime(), datetime():
            return compared(fact, value)
        case datetime(), date():
            return compared(fact.astimezone(UTC).date(), value)
    return None


def _any_text(fact: Fact, test: Callable[[str], bool]) -> Truth:
    return any(map(test, fact)) if isinstance(fact, tuple) else None


def _same(text: str) -> str:
    return text.strip().casefold()


def _fact(facts: Facts, field: Field) -> Fact:
    return facts.get(field.name)
