"""What is read from pages: of the form that is known, of others, and of hostile ones."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from tasks.classifieds.markup import load
from tasks.classifieds.parse import (
    clean,
    kind_of,
    moment_of,
    next_path,
    parse_listing,
    parse_page,
    price_of,
    seller_of,
    title_and_status,
)
from tasks.exceptions import InvalidItem

MARKUP = load()
ADDRESS = "https://site.example/classifieds/categories/dacs.8/"
CARD = """<a class="hfcUserListing" href="/classifieds/acme-hp-900-balanced.123456/">
  <img class="hfcCoverImage--clear" src="/data/covers/123456.jpg">
  <div class="hfcListingTitle">ACME HP-900, balanced cable</div>
  <div class="hfcPrice"><span class="label">For Sale</span> 1,150.00 USD</div>
  <div class="hfcCustomFields"><dl class="pairs"><dt>Condition</dt><dd>Excellent/Like new</dd></dl>
    <dl class="pairs"><dt>Price negotiability</dt><dd>Firm</dd></dl>
    <dl class="pairs"><dt>Ships to</dt><dd>CONUS</dd></dl></div>
  <div class="hfcCreatorInfo">Listed by: sound.fan 7 (42)</div>
  <div class="hfcListingDate"><time class="u-dt" datetime="2026-09-14T18:03:11-0400">Monday</time></div>
  <div class="hfcLastEditDate"><time datetime="2026-09-15T08:00:00-0400">Tuesday</time></div></a>"""
PAGER = '<nav class="pageNavWrapper"><a class="pageNav-jump pageNav-jump--next" href="{}">Next</a></nav>'


def parsed(card: str = CARD) -> Any:
    node = LexborHTMLParser(card).css_first("a")
    assert node is not None
    return parse_listing(node, ADDRESS, MARKUP)


def test_a_listing_is_read_whole() -> None:
    found = parsed()
    assert (found.listing_id, found.path) == (123456, "/classifieds/acme-hp-900-balanced.123456/")
    assert (found.title, found.kind, found.status) == ("ACME HP-900, balanced cable", "For Sale", "active")
    assert (found.price, found.currency) == (Decimal("1150.00"), "USD")
    assert (found.condition, found.negotiability, found.ships_to) == ("Excellent/Like new", "Firm", "CONUS")
    assert (found.seller, found.seller_reputation) == ("sound.fan 7", 42)
    assert found.listed_at == datetime(2026, 9, 14, 22, 3, 11, tzinfo=UTC)
    assert found.edited_at == datetime(2026, 9, 15, 12, tzinfo=UTC)
    assert found.cover_path == "/data/covers/123456.jpg"


def test_a_listing_with_nothing_but_a_title_has_no_invented_values() -> None:
    found = parsed('<a href="/classifieds/x.7/"><div class="hfcListingTitle">X</div></a>')
    assert (found.price, found.currency, found.kind, found.seller, found.seller_reputation) == (None, "", "", "", None)
    assert (found.listed_at, found.edited_at, found.cover_path, found.condition) == (None, None, "", "")


@pytest.mark.parametrize(
    ("text", "price", "currency"),
    [
        ("1,150.00 USD", "1150.00", "USD"),
        ("1.150,00 EUR", "1150.00", "EUR"),
        ("1 150 GBP", "1150.00", "GBP"),
        ("12,50 CAD", "12.50", "CAD"),
        ("1.150 EUR", "1150.00", "EUR"),
        ("AUD 90", "90.00", "AUD"),
        ("$1,150", "1150.00", "USD"),
        ("£99.9", "99.90", "GBP"),
        ("$80 CAD", "80.00", "CAD"),
        ("2 for 300 USD", "300.00", "USD"),
        ("450", "450.00", ""),
        ("450 usd", "450.00", "USD"),
        ("0 USD", None, ""),
        ("0.00 USD", None, ""),
        ("", None, ""),
        ("make an offer", None, ""),
        ("99999999999 USD", None, ""),
        ("5 USDT", "5.00", ""),
    ],
)
def test_prices(text: str, price: str | None, currency: str) -> None:
    assert price_of(text, MARKUP) == (price and Decimal(price), currency)


def test_a_digit_in_the_label_is_no_price() -> None:
    assert parsed(CARD.replace(">For Sale<", ">2 For Sale<").replace("1,150.00 USD", "")).price is None


@pytest.mark.parametrize(
    ("text", "seller", "reputation"),
    [
        ("Listed by: sound.fan 7 (42)", "sound.fan 7", 42),
        ("Listed by: ear-wax (1,204)", "ear-wax", 1204),
        ("Listed by: Zoë van Dijk", "Zoë van Dijk", None),
        ("Listed by: bob (7) (-3)", "bob (7)", -3),
        ("listed by: x_y.z (0)", "x_y.z", 0),
        ("(12)", "", 12),
        ("", "", None),
        ("Listed by: a (99999999999)", "a (99999999999)", None),
    ],
)
def test_sellers_keep_their_dots_blanks_and_dashes(text: str, seller: str, reputation: int | None) -> None:
    assert seller_of(text, MARKUP) == (seller, reputation)


@pytest.mark.parametrize(
    ("title", "label", "told", "status"),
    [
        ("[SOLD] Heron", "For Sale", "Heron", "sold"),
        ("Heron (sold)", "For Sale", "Heron", "sold"),
        ("Heron", "Sold", "Heron", "sold"),
        ("Heron", "CLOSED", "Heron", "closed"),
        ("[Closed] Heron", "For Sale", "Heron", "closed"),
        ("Soldering iron", "For Sale", "Soldering iron", "active"),
        ("[SOLD]", "", "[SOLD]", "sold"),
    ],
)
def test_what_is_over_says_so_in_its_label_or_its_title(title: str, label: str, told: str, status: str) -> None:
    assert title_and_status(title, label, MARKUP) == (told, status)


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("For Sale", "For Sale"),
        ("for sale / trade", "For Sale/Trade"),
        ("Want To Buy", "Want To Buy"),
        ("Trade only", "Trade Only"),
        ("Sold", ""),
        ("", ""),
    ],
)
def test_kinds(label: str, kind: str) -> None:
    assert kind_of(label) == kind


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-09-14T18:03:11-0400", datetime(2026, 9, 14, 22, 3, 11, tzinfo=UTC)),
        ("2026-09-14T18:03:11", datetime(2026, 9, 14, 18, 3, 11, tzinfo=UTC)),
        ("Monday", None),
        ("", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_moments_are_aware_and_in_utc(text: str, moment: datetime | None) -> None:
    assert moment_of(text) == moment


@pytest.mark.parametrize(
    ("change", "into"),
    [
        ('href="/classifieds/acme-hp-900-balanced.123456/"', 'href="https://evil.example/classifieds/x.1/"'),
        ('href="/classifieds/acme-hp-900-balanced.123456/"', 'href="javascript:alert(1)"'),
        ('href="/classifieds/acme-hp-900-balanced.123456/"', 'href="/classifieds/none/"'),
        ('href="/classifieds/acme-hp-900-balanced.123456/"', 'href="/classifieds/x.99999999999999999999/"'),
        ('href="/classifieds/acme-hp-900-balanced.123456/"', 'href="/classifieds/x.0/"'),
        ('href="/classifieds/acme-hp-900-balanced.123456/"', 'href="//[bad"'),
        ('href="/classifieds/acme-hp-900-balanced.123456/"', ""),
        ("ACME HP-900, balanced cable", " "),
        ("acme-hp-900-balanced", "a" * 400),
    ],
)
def test_a_listing_that_cannot_be_kept_is_refused(change: str, into: str) -> None:
    with pytest.raises(InvalidItem):
        parsed(CARD.replace(change, into))


def test_texts_are_stored_as_one_visible_line_of_limited_length() -> None:
    dirty = "A\u202eB &#0; \u200b <b>bold</b>\n\t" + "x" * 1000
    found = parsed(CARD.replace("ACME HP-900, balanced cable", dirty).replace("CONUS", "y" * 1000))
    assert found.title.startswith("A B")
    assert "\u202e" not in found.title
    assert (len(found.title), len(found.ships_to)) == (300, 200)


def test_markup_in_a_title_stays_text() -> None:
    assert parsed(CARD.replace("ACME HP-900", "&lt;script&gt;")).title.startswith("<script>,")


def test_a_picture_of_another_site_is_not_kept() -> None:
    assert parsed(CARD.replace("/data/covers/123456.jpg", "https://evil.example/x.jpg")).cover_path == ""


def test_the_hash_tells_every_change() -> None:
    same, other = parsed(), parsed(CARD.replace("(42)", "(43)"))
    assert same.content_hash == parsed().content_hash != other.content_hash


@pytest.mark.parametrize(
    ("href", "path"),
    [
        ("?page=2", "/classifieds/categories/dacs.8/?page=2"),
        ("/classifieds/categories/dacs.8/page-2", "/classifieds/categories/dacs.8/page-2"),
        (
            f"{ADDRESS}?page=2&order=x#top",
            "/classifieds/categories/dacs.8/?page=2&order=x",
        ),
    ],
)
def test_the_next_page_is_followed_as_it_is_written(href: str, path: str) -> None:
    page = parse_page(CARD + PAGER.format(href), ADDRESS, MARKUP)
    assert (len(page.listings), page.next_path, page.stray, page.is_known) == (1, path, "", True)
    assert next_path("?page=3", f"https://site.example{path}").startswith("/classifieds/categories/dacs.8/")


@pytest.mark.parametrize(
    "href",
    [
        "https://evil.example/classifieds/categories/dacs.8/?page=2",
        "//evil.example/classifieds/categories/dacs.8/",
        "http://site.example/classifieds/categories/dacs.8/?page=2",
        "/classifieds/categories/daps.10/?page=2",
        "/logout",
        "/classifieds/categories/dacs.8/../../../logout",
        "/classifieds/categories/dacs.8/%2e%2e/%2e%2e/logout",
        "?page=" + "2" * 400,
        "//[bad",
    ],
)
def test_a_next_page_elsewhere_is_not_followed(href: str) -> None:
    page = parse_page(CARD + PAGER.format(href), ADDRESS, MARKUP)
    assert (page.next_path, bool(page.stray)) == ("", True)


def test_pages_of_something_else_are_told_from_empty_ones() -> None:
    assert parse_page(PAGER, ADDRESS, MARKUP).is_known
    assert parse_page('<div class="block hfcNothing">', ADDRESS, MARKUP).is_known
    assert not parse_page("<h1>Are you a person?</h1>", ADDRESS, MARKUP).is_known
    assert not parse_page("", ADDRESS, MARKUP).is_known


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading_of_parts(text: str) -> None:
    price, currency = price_of(text, MARKUP)
    assert price is None or (price > 0 and len(currency) in {0, 3})
    seller_of(text, MARKUP)
    title_and_status(text, text, MARKUP)
    moment_of(text)
    clean(text).encode()


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_no_page_breaks_the_reading(html: str) -> None:
    parse_page(html + CARD[:200] + html, ADDRESS, MARKUP)
