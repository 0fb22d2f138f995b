"""Bodies of requests: JSON as RFC 8259 has it, and such that every database keeps it."""

import json
import math
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser


class StrictParser(Parser):
    """Refuses what Python reads beyond JSON, and what no column of PostgreSQL takes."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body of `request`. Raises ValueError, with what is wrong and where."""
        found = json.loads(request.body, parse_constant=_no_constant, parse_float=_float)
        _check(found, "")
        return found


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
