"""Secrets never reach logs, records, tracebacks or pages: they are taken out by value and by shape."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver

from scheduling.conf import options

DOTS = "••••••"
KEY = 16  # characters; a shorter part of an address is none
SHORTEST = 6  # characters; a shorter value would blot out half of any text
NOT_SECRET = r"(?:file|path|dir|url|timeout|hashers|validators|age|name|header|limit)s?$"  # noqa: S105  # PASSWORD_HASHERS and such
NAMES = r"secret|token|passw(?:or)?d|passphrase|api[_-]?key|access_?key|private_?key|credential|webhook|signature"

# No two parts of a shape that follow each other match the same, and none that comes before what tells
# it apart is unbounded: a hostile text takes as long as any other of its length.
_SHAPES = re.compile(
    rf"""
    (?P<cookie>\b(?:set-)?cookie["']?\s{{0,9}}[:=]\s{{0,9}}["']?)[^\r\n"']+
    | (?P<head>\b(?:proxy-)?authorization["']?\s{{0,9}}[:=]\s{{0,9}}["']?)(?:[a-z-]{{1,20}}\s)?[^\s"',;]+
    | (?P<scheme>\b(?:bearer|basic)\s{{1,9}})(?-i:(?=\S{{0,200}}[0-9]|\S{{1,200}}[A-Z]))[\w.~+/=-]{{8,}}
    | (?P<name>(?:{NAMES})["']?\s{{0,9}}[:=]\s{{0,9}}["']?)[^\s"'&,;)}}]+
    | (?P<query>[?&](?:key|sig|auth)=)[^\s"'&]+
    | (?P<userinfo>://[^\s/:@]{{0,200}}:)[^\s/@]{{1,500}}(?=@)
    | \brota_[\w-]{{40,60}}
    | (?P<hook>/webhooks/\d{{1,30}}/)[\w-]+
    """,
    re.IGNORECASE | re.VERBOSE,
)


_given: ContextVar[re.Pattern[str] | None] = ContextVar("_given", default=None)  # the secrets of the run that goes here


@contextmanager
def hiding(values: re.Pattern[str] | None) -> Iterator[None]:
    """Take `values` (see `secrets_in`) out of all that is redacted inside, in this context."""
    token = _given.set(values)
    try:
        yield
    finally:
        _given.reset(token)


def secrets_in(arguments: Mapping[str, Any]) -> re.Pattern[str] | None:
    """What stands in `arguments` under the name of a secret, as it is and as errors and addresses write it."""
    return _pattern(form for value in _within(arguments) for form in _forms(value))


def redact(text: str) -> str:
    """`text` with every known secret, and whatever looks like one, replaced by dots."""
    for values in (_values(), _given.get()):
        if values is not None:
            text = values.sub(DOTS, text)
    return _SHAPES.sub(lambda found: (found[found.lastgroup] if found.lastgroup else "") + DOTS, text)


def plain(text: str) -> str:
    """Text without secrets that every database takes: PostgreSQL refuses NUL, UTF-8 lone surrogates."""
    return redact(text.replace("\x00", "␀").encode("utf-8", "replace").decode())


def redact_json(value: Any) -> Any:
    """A JSON value with its texts redacted, and whatever a secret's name stands before."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(key): DOTS if _is_secret(key, item) else redact_json(item) for key, item in value.items()}
    return [redact_json(item) for item in value] if isinstance(value, list | tuple) else value


def _is_secret(name: str, item: Any) -> bool:
    return bool(item) and isinstance(item, str | Mapping | list) and _secret(name)  # a count is none


def _secret(name: object) -> bool:
    wanted = "|".join([NAMES, *map(re.escape, options().redact)])
    return bool(re.search(wanted, str(name), re.IGNORECASE)) and not re.search(NOT_SECRET, str(name), re.IGNORECASE)


@lru_cache(maxsize=1)
def _values() -> re.Pattern[str] | None:
    return _pattern(_secrets())


def _pattern(values: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted({value for value in values if len(value) >= SHORTEST}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _forms(value: str) -> tuple[str, ...]:
    in_texts = repr(value)[1:-1], json.dumps(value)[1:-1]
    in_addresses = quote(value), quote(value, safe=""), quote_plus(value)
    return value, *in_texts, *in_addresses


def _secrets() -> Iterator[str]:
    """The values of all settings and environment variables whose names speak of a secret."""
    for name, value in os.environ.items():
        if _secret(name):
            yield value
        elif name.endswith("_URL"):
            yield from _passwords(value)
    for address in (*options().notice_channels.values(), *options().pings.values(), options().ping_scheduler):
        yield from _parts(address)
    yield from _within({name: getattr(settings, name) for name in dir(settings) if name.isupper()})


def _within(value: Any, *, secret: bool = False) -> Iterator[str]:
    if isinstance(value, str) and secret:
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _within(item, secret=secret or _secret(name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _within(item, secret=secret)


def _parts(address: str) -> Iterator[str]:
    """What in the address of a channel or a ping may be its key: a password, or a long word of it."""
    yield from _passwords(address)
    for part in re.split(r"[/?&=@:]", address.partition("://")[2]):
        if len(part) >= KEY and "." not in part:  # a name of a host is none
            yield from (part, unquote(part))


def _passwords(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))


@receiver(setting_changed)
def forget_values(**_: Any) -> None:
    """Look for the secrets again after a test has overridden a setting."""
    _values.cache_clear()
