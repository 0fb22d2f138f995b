"""What requests say: JSON as RFC 8259 has it, such that every database keeps it; and no parameter but the known."""

import json
import math
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser

from scheduling.api.problems import Problem


class StrictParser(Parser):
    """Refuses what Python reads beyond JSON, and what no column of PostgreSQL takes."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body of `request`. Raises ValueError, with what is wrong and where."""
        found = json.loads(request.body, parse_constant=_no_constant, parse_float=_float)
        _check(found, "")
        return found


def unknown_parameters(given: Iterable[str], known: Collection[str]) -> None:
    """Refuse those of `given` that are not `known`: a misspelt filter would give everything. Raises Problem."""
    there = f"there are: {', '.join(sorted(known))}" if known else "there is none"
    errors = [(name, f"It is not known here; {_meant(name, known) or there}.") for name in given if name not in known]
    if errors:
        detail = "; ".join(f"{name}: {told}" for name, told in errors)
        raise Problem(422, "The request is not as it must be.", detail, kind="invalid-request", errors=errors)


def _meant(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}" if near else ""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON.")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:20]} is too big.")
    return value


def _check(value: Any, place: str) -> None:
    if isinstance(value, str):
        _check_text(value, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, f"{place}[{index}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_text(name, place)
            _check(item, f"{place}.{name}".lstrip("."))


def _check_text(text: str, place: str) -> None:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"A text holds NUL or half a character, which no database keeps: {place or 'the body'}.")
