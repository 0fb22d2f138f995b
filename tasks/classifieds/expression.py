"""The tree that a rule's expression is read into: frozen values, which `evaluate` and `wording` walk."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from tasks.classifieds.facts import Field, Money
from tasks.exceptions import TaskError

type Value = str | Decimal | Money | date | datetime


class Comparison(StrEnum):
    BELOW = "<"
    AT_MOST = "<="
    EQUAL = "="
    AT_LEAST = ">="
    ABOVE = ">"


class TextTest(StrEnum):
    CONTAINS = "contains"
    STARTS_WITH = "startswith"
    ENDS_WITH = "endswith"
    MATCHES = "matches"
    FUZZY_CONTAINS = "fuzzy_contains"


@dataclass(frozen=True, slots=True)
class Compare:
    field: Field
    comparison: Comparison
    value: Value


@dataclass(frozen=True, slots=True)
class Text:
    field: Field
    test: TextTest
    wanted: str


@dataclass(frozen=True, slots=True)
class Member:
    field: Field
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    field: Field


@dataclass(frozen=True, slots=True)
class Not:
    inner: "Expression"


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of the parts."""

    parts: tuple["Expression", ...]


type Expression = Compare | Text | Member | Missing | Not | All | Either


class InvalidRule(TaskError):
    """The expression cannot be read."""

    def __init__(self, message: str, *, line: int = 1, column: int = 1, start: int = 0, end: int = 0) -> None:
        super().__init__(message)
        self.line, self.column = line, column  # of its first character, from 1
        self.start, self.end = start, max(start, end)  # the characters in question, from 0, the end not included

    @property
    def told(self) -> str:
        return f"Line {self.line}, column {self.column}: {self}"


def depth(expression: Expression) -> int:
    """How deep the tree is, at least 1."""
    match expression:
        case Not(inner):
            return 1 + depth(inner)
        case All(parts) | Either(parts):
            return 1 + max(map(depth, parts))
        case _:
            return 1
