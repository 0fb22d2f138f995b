"""parse(text): the tree of a rule's expression, or where in the text it is wrong, and what to do about it."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedEOF, UnexpectedToken, v_args

from tasks.classifieds import patterns
from tasks.classifieds.expression import (
    All,
    Compare,
    Comparison,
    Either,
    Expression,
    InvalidRule,
    Member,
    Missing,
    Not,
    Text,
    TextTest,
    Value,
    depth,
)
from tasks.classifieds.facts import BY_NAME, FIELDS, Field, Money, Sort
from tasks.classifieds.models.rules import LONGEST_EXPRESSION
from tasks.classifieds.unreadable import at, unexpected, unreadable, wrong

DEEPEST = 40  # levels of NOT, AND and OR within each other
LARGEST = Decimal(10) ** 12  # numbers stay below
LONGEST_LIST = 100  # values
LONGEST_TEXT = 300  # characters of a text to look for
KEPT = 500  # expressions whose trees are kept in memory
SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP"}
ESCAPED = re.compile(r"\\([\"'\\])")
EQUAL_ONLY = {Sort.TEXT, Sort.CHOICE}  # sorts that have no order
EXAMPLES = {
    Sort.TEXT: '"in quotes"',
    Sort.CHOICE: '"in quotes"',
    Sort.MONEY: "1,000 or 900 EUR",
    Sort.NUMBER: "10",
    Sort.MOMENT: '"2026-09-14"',
}


@lru_cache(maxsize=KEPT)
def parse(text: str) -> Expression:
    """The tree of `text`. Raises InvalidRule, with the place."""
    if len(text) > LONGEST_EXPRESSION:
        raise InvalidRule(f"A rule has at most {LONGEST_EXPRESSION} characters; this one has {len(text)}.")
    if not text.strip():
        raise InvalidRule('Write what to look for, such as: title contains "HD800" AND price < 1000')
    if odd := re.search(r"[\x00\ud800-\udfff]", text):
        raise at(text, odd.start(), odd.end(), "This character cannot be stored. Delete it.")
    try:
        found: Expression = _parser.parse(text)
    except UnexpectedToken as error:
        raise unexpected(text, error) from None
    except UnexpectedCharacters as error:
        position: Any = error.pos_in_stream  # an int, which lark declares as None
        raise unreadable(text, position) from None
    except UnexpectedEOF:
        raise at(text, len(text), len(text), "The rule breaks off here.") from None
    return found


class _Builder(Transformer[Token, Expression]):
    """Makes the tree while lark parses: no tree of lark's own, and nothing that recurses."""

    @v_args(inline=True)
    def compare(self, name: Token, sign: Token, value: "_Read") -> Expression:
        field = _field(name)
        if field.sort in EQUAL_ONLY and sign not in {"=", "==", "!="}:
            raise wrong(sign, f"{field.name} is {field.sort.value}, which has no order: use =, != or contains.")
        wanted = _fitting(field, value)
        if sign == "!=":
            return Not(Compare(field, Comparison.EQUAL, wanted))
        return Compare(field, Comparison("=" if sign == "==" else str(sign)), wanted)

    @v_args(inline=True)
    def text(self, name: Token, test: Token, wanted: Token) -> Expression:
        field = _field(name)
        if field.sort not in EQUAL_ONLY:
            raise wrong(test, f"{field.name} is {field.sort.value}, not a text: compare it with = < or >.")
        kind, value = TextTest(test.lower()), _unquoted(wanted)
        if kind is TextTest.MATCHES:
            _check(wanted, patterns.complaint_of_regex(value))
        if kind is TextTest.FUZZY_CONTAINS:
            _check(wanted, patterns.complaint_of_fuzzy(value))
        return Text(field, kind, value)

    @v_args(inline=True)
    def not_text(self, name: Token, test: Token, wanted: Token) -> Expression:
        return Not(self.text(name, test, wanted))

    @v_args(inline=True)
    def member(self, name: Token, values: list["_Read"]) -> Expression:
        field = _field(name)
        if len(values) > LONGEST_LIST:
            raise wrong(values[LONGEST_LIST].token, f"A list has at most {LONGEST_LIST} values.")
        for value in values:
            if value.token.type == "NUMBER" and "," in value.token:
                told = "is one number here. In a list write it without commas, or with a space after each comma."
                raise wrong(value.token, f"{value.token} {told}")
        return Member(field, tuple(_fitting(field, value) for value in values))

    @v_args(inline=True)
    def not_member(self, name: Token, values: list["_Read"]) -> Expression:
        return Not(self.member(name, values))

    @v_args(inline=True)
    def missing(self, name: Token) -> Expression:
        return Missing(_field(name))

    @v_args(inline=True)
    def present(self, name: Token) -> Expression:
        return Not(Missing(_field(name)))

    @v_args(inline=True)
    def negate(self, inner: Expression) -> Expression:
        return _bounded(Not(inner))

    def all_of(self, parts: list[Expression]) -> Expression:
        return parts[0] if len(parts) == 1 else _bounded(All(tuple(parts)))

    def either_of(self, parts: list[Expression]) -> Expression:
        return parts[0] if len(parts) == 1 else _bounded(Either(tuple(parts)))

    def values(self, found: list["_Read"]) -> list["_Read"]:
        return found

    @v_args(inline=True)
    def string(self, token: Token) -> "_Read":
        return _Read(token, _unquoted(token))

    @v_args(inline=True)
    def number(self, token: Token) -> "_Read":
        return _Read(token, _number(token))

    @v_args(inline=True)
    def money(self, token: Token, currency: Token) -> "_Read":
        return _Read(token, Money(_number(token), currency.upper()))

    @v_args(inline=True)
    def money_by_symbol(self, symbol: Token, token: Token) -> "_Read":
        return _Read(token, Money(_number(token), SYMBOLS[symbol]))

    @v_args(inline=True)
    def boolean(self, token: Token) -> "_Read":
        raise wrong(token, f'No field is true or false. Did you mean the text: "{token}"?')


class _Read:
    """A value, and where it stands."""

    def __init__(self, token: Token, value: str | Decimal | Money) -> None:
        self.token, self.value = token, value


def _field(token: Token) -> Field:
    field = BY_NAME.get(token.lower())
    if field is None:
        near = get_close_matches(token.lower(), BY_NAME, 1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(field.name for field in FIELDS)}."
        raise wrong(token, f"{token} is no field. {hint}")
    return field


def _fitting(field: Field, read: _Read) -> Value:
    """The value as the field compares it. Raises InvalidRule for one of another sort."""
    value = read.value
    match field.sort, value:
        case (Sort.TEXT, str()):
            return value
        case (Sort.CHOICE, str()):
            return _chosen(field, read.token, value)
        case (Sort.MONEY, Money()):
            return value
        case (Sort.MONEY, Decimal()):
            return Money(value)
        case (Sort.NUMBER, Decimal()):
            return value
        case (Sort.MOMENT, str()):
            return _moment(read.token, value)
    told = f"{field.name} is {field.sort.value}: write it as {EXAMPLES[field.sort]}."
    raise wrong(read.token, told)


def _chosen(field: Field, token: Token, value: str) -> str:
    for choice in field.choices:
        if choice.casefold() == value.strip().casefold():
            return choice
    raise wrong(token, f"{field.name} is never that. It can be: {', '.join(field.choices)}.")


def _moment(token: Token, text: str) -> date | datetime:
    """A day, or a moment; one without a zone is in UTC."""
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            found: date = read(text.strip())
            if isinstance(found, datetime):
                return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        return found
    raise wrong(token, 'That is no date: write it as "2026-09-14" or "2026-09-14 18:00".')


def _unquoted(token: Token) -> str:
    """Only quotes and backslashes are escaped in a text; any other backslash stays, as regular expressions need it."""
    text = ESCAPED.sub(r"\1", token[1:-1])
    if not text.strip():
        raise wrong(token, "An empty text finds everything. To ask whether nothing is there write: is missing.")
    if len(text) > LONGEST_TEXT:
        raise wrong(token, f"A text to look for has at most {LONGEST_TEXT} characters.")
    return text


def _number(token: Token) -> Decimal:
    found = Decimal(token.replace(",", ""))
    if found >= LARGEST:
        raise wrong(token, "This number is too large.")
    return found


def _bounded[Tree: Expression](tree: Tree) -> Tree:
    if depth(tree) > DEEPEST:
        raise InvalidRule(f"The parts of this rule lie more than {DEEPEST} deep in each other. Write it flatter.")
    return tree


def _check(token: Token, complaint: str) -> None:
    if complaint:
        raise wrong(token, complaint)


# Typed as what it gives: lark has no types for a parser with a transformer inside.
_parser: Any = Lark(
    Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8"), parser="lalr", transformer=_Builder()
)
