"""What the site's pages look like, as data: categories and selectors, read from headfi.yaml or HEADFI_FILE."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Never

import yaml
from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from tasks.classifieds.models import ListingStatus
from tasks.exceptions import NotConfigured

OURS = Path(__file__).with_name("headfi.yaml")
BIGGEST_FILE = 100_000  # bytes
MOST_CATEGORIES = 100
SLUG = re.compile(r"[a-z0-9-]{1,80}\.[0-9]{1,10}")
CODE = re.compile(r"[A-Z]{3}")
PAIRS = frozenset({"condition", "negotiability", "ships_to"})


class UnusableMarkup(NotConfigured):
    """The file of categories and selectors cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectors:
    listing: str
    title: str
    price: str
    label: str  # within the price
    pair: str
    name: str  # within a pair
    value: str
    seller: str
    listed: str
    edited: str
    cover: str
    next: str
    known: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    categories: Mapping[str, str]  # slug -> name
    selectors: Selectors
    pairs: Mapping[str, str]  # part of a name -> field of a listing
    seller_prefix: str
    over: Mapping[str, str]  # word -> status
    currencies: tuple[str, ...]
    signs: Mapping[str, str]  # sign -> currency


def load(file: str = "") -> Markup:
    """The markup in `file`, or in the one that comes with Rota. Raises UnusableMarkup, naming what is wrong."""
    path = Path(file) if file else OURS
    try:
        with path.open("rb") as source:
            text = source.read(BIGGEST_FILE + 1)
        if len(text) > BIGGEST_FILE:
            raise UnusableMarkup(f"{path.name} is bigger than {BIGGEST_FILE} bytes.")
        return read(yaml.safe_load(text))
    except OSError as error:
        raise UnusableMarkup(f"{path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise UnusableMarkup(f"{path.name} is no YAML: {' '.join(str(error).split())[:200]}") from None
    except UnusableMarkup as error:
        raise UnusableMarkup(f"{path.name}: {error}") from None


def read(given: Any) -> Markup:
    """`given` checked. Raises UnusableMarkup."""
    top = _named(given, {field.name for field in fields(Markup)}, "the file")
    selectors = _named(top["selectors"], {field.name for field in fields(Selectors)}, "selectors")
    for name, selector in selectors.items():
        _check_selector(name, selector)
    currencies: list[str] = top["currencies"] if isinstance(top["currencies"], list) else [""]
    if not all(isinstance(code, str) and CODE.fullmatch(code) for code in currencies):
        _refuse("currencies must be a list of codes such as USD")
    return Markup(
        categories=_categories(top["categories"]),
        selectors=Selectors(**selectors),
        pairs=_words(top["pairs"], PAIRS, "pairs"),
        seller_prefix=str(top["seller_prefix"] or ""),
        over=_words(top["over"], {ListingStatus.SOLD.value, ListingStatus.CLOSED.value}, "over"),
        currencies=tuple(currencies),
        signs=_words(top["signs"], currencies, "signs"),
    )


def _named(given: Any, wanted: set[str], where: str) -> dict[str, Any]:
    """`given` as a mapping of exactly the names that are `wanted`."""
    found = given if isinstance(given, dict) else _refuse(f"{where} must be a mapping")
    if missing := sorted(wanted - found.keys()):
        _refuse(f"{where} has no {missing[0]}")
    if unknown := sorted(map(str, found.keys() - wanted)):
        _refuse(f"{where} has {unknown[0][:50]!r}, which means nothing here")
    return found


def _check_selector(name: str, selector: Any) -> None:
    if not isinstance(selector, str):
        _refuse(f"selectors.{name} must be a text")
    try:
        LexborHTMLParser("<p>").css_first(selector)
    except SelectolaxError:
        _refuse(f"selectors.{name} is no CSS selector: {selector[:80]!r}")


def _categories(given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not 0 < len(given) <= MOST_CATEGORIES:
        _refuse(f"categories must be a mapping of 1 to {MOST_CATEGORIES} slugs to names")
    for slug, name in given.items():
        if not isinstance(slug, str) or not SLUG.fullmatch(slug):
            _refuse(f"{str(slug)[:50]!r} is no slug such as dacs.8")
        if not isinstance(name, str) or not 0 < len(name) <= 100:
            _refuse(f"the name of {slug} must be a text of at most 100 characters")
    return dict(given)


def _words(given: Any, meanings: Any, where: str) -> dict[str, str]:
    if not isinstance(given, dict):
        _refuse(f"{where} must be a mapping")
    for word, meaning in given.items():
        if not isinstance(word, str) or not word or meaning not in meanings:
            _refuse(f"{where} must lead from texts to one of {', '.join(sorted(meanings))}")
    return dict(given)


def _refuse(what: str) -> Never:
    raise UnusableMarkup(f"{what}.")
