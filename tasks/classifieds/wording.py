"""A rule's expression in words, as people would say it."""

from datetime import date, datetime
from decimal import Decimal

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
from tasks.classifieds.facts import Money, Sort

LONGEST = 2_000  # characters of a description
SIGNS = {
    Comparison.BELOW: "is below",
    Comparison.AT_MOST: "is at most",
    Comparison.EQUAL: "is",
    Comparison.AT_LEAST: "is at least",
    Comparison.ABOVE: "is above",
}
SIGNS_OF_TIME = {
    **SIGNS,
    Comparison.BELOW: "is before",
    Comparison.AT_MOST: "is not after",
    Comparison.AT_LEAST: "is not before",
    Comparison.ABOVE: "is after",
}
TESTS = {
    TextTest.CONTAINS: "contains",
    TextTest.STARTS_WITH: "begins with",
    TextTest.ENDS_WITH: "ends with",
    TextTest.MATCHES: "matches the pattern",
    TextTest.FUZZY_CONTAINS: "contains something like",
}


def describe(expression: Expression, currency: str) -> str:
    """One sentence; a bare amount is in `currency`."""
    words = _told(expression, currency)
    words = words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
    return words[0].upper() + words[1:]


def _told(expression: Expression, currency: str) -> str:
    match expression:
        case All(parts):
            return " and ".join(_grouped(part, currency) for part in parts)
        case Either(parts):
            return " or ".join(_grouped(part, currency) for part in parts)
        case Not(Missing(field)):
            return f"{field.words} is given"
        case Not(Compare(field, Comparison.EQUAL, value)):
            return f"{field.words} is not {_value(value, currency)}"
        case Not(inner):
            return f"not ({_told(inner, currency)})"
        case Missing(field):
            return f"{field.words} is missing"
        case Text(field, test, wanted):
            return f"{field.words} {TESTS[test]} “{wanted}”"
        case Member(field, values):
            return f"{field.words} is one of {', '.join(_value(value, currency) for value in values)}"
        case Compare(field, comparison, value):
            signs = SIGNS_OF_TIME if field.sort is Sort.MOMENT else SIGNS
            return f"{field.words} {signs[comparison]} {_value(value, currency)}"


def _grouped(part: Expression, currency: str) -> str:
    told = _told(part, currency)
    return f"({told})" if isinstance(part, All | Either) else told


def _value(value: Value, currency: str) -> str:
    match value:
        case Money(amount, given):
            return price(amount, given or currency)
        case Decimal():
            return f"{value:,f}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M} UTC"
        case date():
            return value.isoformat()
        case str():
            return f"“{value}”"


def price(amount: Decimal | None, currency: str) -> str:
    """ "1,150 USD", "99.50 EUR"; empty if there is none."""
    if amount is None:
        return ""
    whole = amount == amount.to_integral_value()
    return f"{amount:,.0f} {currency}".strip() if whole else f"{amount:,.2f} {currency}".strip()
