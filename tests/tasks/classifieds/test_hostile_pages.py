"""Pages made to keep us busy: each is refused, or read, in well under a second."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from selectolax.lexbor import LexborHTMLParser

from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.classifieds.markup import load
from tasks.classifieds.models import StrangePage
from tasks.classifieds.nesting import DEEPEST, check_nesting
from tasks.classifieds.parse import parse_listing, parse_page
from tasks.classifieds.tasks import scan
from tasks.demo.headfi import HeadFi
from tasks.exceptions import InvalidItem

MARKUP = load()
ADDRESS = "https://site.example/classifieds/categories/dacs.8/"
CARD = '<a class="hfcUserListing" href="/classifieds/x.{}/"><div class="hfcListingTitle">{}</div>{}</a>'

type Run = Callable[..., Outcome]


@contextmanager
def at_once(seconds: float = 0.8) -> Iterator[None]:
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds


@pytest.mark.parametrize(
    "unit",
    [
        *("<div>", "<b><div></b>", "<span><div></span>", "<dd><li>", "<svg><option>", "<table><tr><td>", "<DIV/>"),
        *("<div><object></div>", '<svg><g a="/>"><g>', "<rt>", "<unknown x>", "<!--><div>", "<a<b ><p><ul>"),
    ],
)
def test_a_page_that_is_too_deep_is_refused_at_once(unit: str) -> None:
    with at_once(), pytest.raises(InvalidItem):
        parse_page(unit * (400_000 // len(unit)), ADDRESS, MARKUP)


def test_many_tags_within_many_are_refused() -> None:
    with at_once(), pytest.raises(InvalidItem):
        parse_page("".join(f"<b id={number}>" for number in range(400)) + "<p>x" * 300_000, ADDRESS, MARKUP)


def test_ordinary_pages_are_not_taken_for_deep_ones() -> None:
    careless = "<ul><li>One<p>Two<br><img src=x><li><ol><li>Three</ol></ul><dl><dt>A<dd>B</dl><div><span>C</div>"
    drawing = '<svg viewBox="0 0 9 9"><path d="M0 0"/><use href="#x" /></svg>'
    cards = "".join(CARD.format(number, "X", careless + drawing) for number in range(1, 401))
    with at_once():
        page = parse_page(f"<table><tr><td>{'<td>x<tr>' * 1000}</table>{cards}", ADDRESS, MARKUP)
        assert len([parse_listing(card, ADDRESS, MARKUP) for card in page.listings]) == 400


def test_no_page_is_deeper_than_was_counted() -> None:
    words = "div span b a p li dd dl ul option select table tr td svg g desc math mi button object h1 br script style"
    chance = random.Random("depth")  # noqa: S311
    for _ in range(300):
        names = chance.choices(words.split(), k=chance.randint(1, 4))
        unit = "".join(f"<{chance.choice(['', '', '/'])}{chance.choice(names)}>" for _ in range(6))
        try:
            check_nesting(unit * 300)
        except InvalidItem:
            continue
        assert depth(unit * 300) <= 3 * DEEPEST, unit


def depth(html: str) -> int:
    deepest, waiting = 0, [(LexborHTMLParser(html).root, 0)]
    while waiting:
        node, level = waiting.pop()
        deepest = max(deepest, level)
        child = node.child if node else None
        while child is not None:
            waiting.append((child, level + 1))
            child = child.next
    return deepest


def test_more_listings_than_a_page_can_have_are_refused() -> None:
    with at_once(), pytest.raises(InvalidItem, match="more than 500 listings"):
        parse_page(CARD.format(1, "X", "") * 501, ADDRESS, MARKUP)


def test_listings_within_listings_are_refused() -> None:
    nested = '<a class="hfcUserListing" href="/classifieds/x.1/"><object>' * 200 + "<i>x</i>" * 3_000
    with at_once(), pytest.raises(InvalidItem, match="within listings"):
        parse_page(nested, ADDRESS, MARKUP)


def test_of_long_texts_and_many_pairs_the_beginning_is_read() -> None:
    pairs = '<div class="hfcCustomFields">' + '<dl class="pairs">' * 300 + f"<dt>{'ship' * 100_000}</dt></div>"
    page = parse_page(CARD.format(7, "X" * 400_000 + "<i>y</i>" * 50_000, pairs), ADDRESS, MARKUP)
    with at_once():
        found = parse_listing(page.listings[0], ADDRESS, MARKUP)
    assert (found.title, found.ships_to) == ("X" * 300, "")


@pytest.mark.sqlite_only
@pytest.mark.usefixtures("configured")
def test_a_scan_that_meets_such_a_page_keeps_it_and_stops(run: Run, headfi: HeadFi) -> None:
    headfi.extra["dacs.8"] = ["<div>" * 80_000]
    outcome = run(scan)
    assert (outcome.state, "StrangeAnswer" in outcome.error_message) == (State.FAILED, True)
    assert "nested more than 500 deep" in StrangePage.objects.get().why


@pytest.mark.sqlite_only
@pytest.mark.usefixtures("configured")
def test_a_page_of_more_than_two_megabytes_is_not_read(run: Run, headfi: HeadFi) -> None:
    headfi.extra["dacs.8"] = ["x" * 2_000_000]
    assert "sent more than 2000000 bytes" in run(scan, category="dacs.8").error_message
