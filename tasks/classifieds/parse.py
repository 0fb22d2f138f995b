"""From HTML to plain values: the listings of a page, and where the next one is. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from itertools import islice
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from tasks.classifieds.markup import Markup
from tasks.classifieds.models import Kind, ListingStatus
from tasks.classifieds.nesting import check_nesting
from tasks.exceptions import InvalidItem

ROOT = "/classifieds/"
CATEGORIES = f"{ROOT}categories/"
LONGEST_PATH = 300  # characters
LONGEST_TEXT = 300  # characters
MOST_LISTINGS = 500  # of a page
MOST_PAIRS = 20  # of a listing
MOST_NODES = 500  # of a text
LISTING = re.compile(r"/classifieds/(?:[^/?#]*\.)?([0-9]{1,19})/?")
GROUPED = r"[0-9]{1,3}(?:[,.' ][0-9]{3})+"
NUMBER = rf"(?<![0-9])(?:{GROUPED}|[0-9]{{1,12}})(?:[.,][0-9]{{1,2}})?(?![0-9])"
CENTS = re.compile(r"[.,]([0-9]{1,2})$")
SELLER = re.compile(r"(.*?)\s*\(\s*([+-]?[0-9][0-9,]{0,9})\s*\)")
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")  # also what turns text around
BIGGEST_ID = 2**63 - 1
BIGGEST_PRICE = Decimal(10**10)
BIGGEST_REPUTATION = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A listing as a page tells of it; empty or None is what it does not tell."""

    listing_id: int
    path: str
    title: str
    kind: str
    status: str
    price: Decimal | None
    currency: str
    condition: str
    negotiability: str
    ships_to: str
    seller: str
    seller_reputation: int | None
    cover_path: str
    listed_at: datetime | None
    edited_at: datetime | None

    @property
    def content_hash(self) -> str:
        return sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a category; its listings are still HTML, so that a bad one spoils no other."""

    listings: list[LexborNode]
    is_known: bool  # whether it is a page of the classifieds at all
    next_path: str  # empty: it is the last one
    stray: str = ""  # what is wrong with its link to the next one


def parse_page(html: str, address: str, markup: Markup) -> Page:
    """The page that was found at `address`. Raises InvalidItem for one that could keep us busy for minutes."""
    check_nesting(html)
    tree = LexborHTMLParser(html)
    listings = tree.css(markup.selectors.listing)
    _check_number(listings)
    is_known = bool(listings) or tree.css_first(markup.selectors.known) is not None
    link = tree.css_first(markup.selectors.next)
    href = link.attributes.get("href") if link else None
    try:
        return Page(listings, is_known, next_path(href, address) if href else "")
    except InvalidItem as error:
        return Page(listings, is_known, "", stray=str(error))


def _check_number(listings: Sequence[LexborNode]) -> None:
    """Raises InvalidItem unless each part of the page is read for one listing only."""
    if len(listings) > MOST_LISTINGS:
        raise InvalidItem(f"it has more than {MOST_LISTINGS} listings")
    known = {each.mem_id for each in listings}
    for each in listings:
        around = each.parent
        while around is not None:
            if around.mem_id in known:
                raise InvalidItem("it has listings within listings")
            around = around.parent


def next_path(href: str, address: str) -> str:
    """Path and query of the page after the one at `address`. Raises InvalidItem unless both are of one category."""
    here, there = urlsplit(address), _joined(address, href)
    category = "/".join(here.path.split("/")[:4]) + "/"  # "", classifieds, categories, dacs.8
    if not is_same_site(here, there) or not is_below(there.path, category):
        raise InvalidItem(f"the next page would be {href[:100]!r}, which is elsewhere")
    found = there.path + (f"?{there.query}" if there.query else "")
    if len(found) > LONGEST_PATH or clean(found) != found:
        raise InvalidItem("the address of the next page cannot be kept")
    return found


def parse_listing(card: LexborNode, address: str, markup: Markup) -> Parsed:
    """A listing of the page at `address`. Raises InvalidItem without an id, a path or a title."""
    select = markup.selectors
    path = listing_path(card.attributes.get("href") or "", address)
    label, price_text = _label_and_price(card, markup)
    title, status = title_and_status(_text_of(card, select.title), label, markup)
    if not title:
        raise InvalidItem("it has no title")
    price, currency = price_of(price_text, markup)
    seller, reputation = seller_of(_text_of(card, select.seller), markup)
    return Parsed(
        listing_id=id_of(path),
        path=path,
        title=title,
        kind=kind_of(label),
        status=status,
        price=price,
        currency=currency,
        seller=seller,
        seller_reputation=reputation,
        cover_path=_cover_path(card, address, select.cover),
        listed_at=_moment_of(card, select.listed),
        edited_at=_moment_of(card, select.edited),
        **_pairs(card, markup),
    )


def name_of(card: LexborNode) -> str:
    """How to call a listing in a log, whatever it is."""
    return clean(card.attributes.get("href") or "")[:100] or "a listing without address"


def listing_path(href: str, address: str) -> str:
    """The path of a listing's page on the site. Raises InvalidItem if it is elsewhere."""
    there = _joined(address, href)
    if not is_same_site(urlsplit(address), there) or not LISTING.fullmatch(there.path):
        raise InvalidItem(f"{clean(href)[:100]!r} is no address of a listing")
    if len(there.path) > LONGEST_PATH or clean(there.path) != there.path:
        raise InvalidItem("its address cannot be kept")
    return there.path


def id_of(path: str) -> int:
    """The number after the last dot. Raises InvalidItem."""
    found = LISTING.fullmatch(path)
    number = int(found[1]) if found else 0
    if not 0 < number <= BIGGEST_ID:
        raise InvalidItem(f"{path[:100]!r} has no number of a listing")
    return number


def title_and_status(title: str, label: str, markup: Markup) -> tuple[str, str]:
    """The title without a mark such as [SOLD], and what mark and label say of the status."""
    status = markup.over.get(label.casefold(), ListingStatus.ACTIVE.value)
    for word, meaning in markup.over.items():
        marked = re.compile(rf"[\[({{]\s*{re.escape(word)}\s*[\])}}]", re.IGNORECASE)
        if marked.search(title):
            title, status = clean(marked.sub(" ", title)) or title, meaning
    return title, status


def kind_of(label: str) -> str:
    """The kind that a label names, however it is spaced; empty if it names none."""
    plain = re.sub(r"\s*/\s*", "/", label).casefold()
    return next((kind.value for kind in Kind if kind.value.casefold() == plain), "")


def price_of(text: str, markup: Markup) -> tuple[Decimal | None, str]:
    """Amount and currency; the first amount that has a currency, else the first one. 0 is no price."""
    found = [pair for pair in _amounts(text, markup) if pair[0] is not None]
    return next((pair for pair in found if pair[1]), found[0] if found else (None, ""))


def seller_of(text: str, markup: Markup) -> tuple[str, int | None]:
    """Name and reputation; a name may have dots, blanks, dashes and brackets of its own."""
    prefix = markup.seller_prefix
    if text.casefold().startswith(prefix.casefold()):
        text = text[len(prefix) :].strip()
    found = SELLER.fullmatch(text)
    if not found:
        return text[:100], None
    reputation = int(found[2].replace(",", ""))
    return found[1][:100], reputation if abs(reputation) <= BIGGEST_REPUTATION else None


def moment_of(value: str) -> datetime | None:
    """A datetime of the page in UTC, in which one without zone is taken to be; None for garbage."""
    try:
        found = datetime.fromisoformat(value.strip())
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def clean(text: str) -> str:
    """One line that every database takes, without signs that nobody sees."""
    return " ".join(UNSEEN.sub(" ", text).encode("utf-8", "replace").decode().split())


def is_below(path: str, root: str) -> bool:
    """Whether `path` stays below `root`, however it is written."""
    return path.startswith(root) and ".." not in unquote(path).split("/")


def is_same_site(here: SplitResult, there: SplitResult) -> bool:
    return (here.scheme, here.netloc) == (there.scheme, there.netloc)


def _joined(address: str, href: str) -> SplitResult:
    try:
        return urlsplit(urljoin(address, href.strip()))
    except ValueError:
        raise InvalidItem(f"{clean(href)[:100]!r} is no address") from None


def _text_of(node: LexborNode, selector: str) -> str:
    found = node.css_first(selector)
    return _text(found) if found else ""


def _text(node: LexborNode) -> str:
    """One line of it, as long as anything that is kept."""
    nodes = islice(node.traverse(include_text=True), MOST_NODES)
    found = "".join((each.text_content or "")[:LONGEST_TEXT] for each in nodes if each.tag == "-text")
    return clean(found)[:LONGEST_TEXT]


def _label_and_price(card: LexborNode, markup: Markup) -> tuple[str, str]:
    """What the label says, and the rest of the price: a digit of the label is no price."""
    node = card.css_first(markup.selectors.price)
    if node is None:
        return "", ""
    label = node.css_first(markup.selectors.label)
    told = _text(label) if label else ""
    if label:
        label.decompose()
    return told, _text(node)


def _amounts(text: str, markup: Markup) -> Iterator[tuple[Decimal | None, str]]:
    signs = "|".join(map(re.escape, markup.signs)) or r"(?!)"
    codes = "|".join(map(re.escape, markup.currencies)) or r"(?!)"
    pattern = rf"(?:({signs}|\b(?:{codes}))\s?)?({NUMBER})(?:\s?((?:{codes})\b|{signs}))?"
    for before, number, after in re.findall(pattern, text[:200], re.IGNORECASE):
        currency = (after or before).upper()  # "$1,150 CAD" are Canadian
        yield _amount(number), markup.signs.get(currency, currency)


def _amount(text: str) -> Decimal | None:
    """1,150.00 as 1.150,00 as 1 150: one or two digits after the last sign are cents, all other signs group."""
    cents = CENTS.search(text)
    whole = text[: cents.start()] if cents else text
    amount = Decimal(f"{re.sub(r'[^0-9]', '', whole)}.{cents[1] if cents else '0'}")
    return amount.quantize(Decimal("0.01")) if 0 < amount < BIGGEST_PRICE else None


def _pairs(card: LexborNode, markup: Markup) -> dict[str, str]:
    """Condition, negotiability and where it ships to, by a part of what each is called."""
    longest = {"condition": 100, "negotiability": 100, "ships_to": 200}
    found = dict.fromkeys(longest, "")
    for pair in card.css(markup.selectors.pair)[:MOST_PAIRS]:
        name = _text_of(pair, markup.selectors.name).casefold()
        field = next((field for part, field in markup.pairs.items() if part in name), None)
        if field and not found[field]:
            found[field] = _text_of(pair, markup.selectors.value)[: longest[field]]
    return found


def _moment_of(card: LexborNode, selector: str) -> datetime | None:
    node = card.css_first(selector)
    return moment_of(node.attributes.get("datetime") or "") if node else None


def _cover_path(card: LexborNode, address: str, selector: str) -> str:
    """The path of the picture; empty if it is on another site."""
    node = card.css_first(selector)
    source = (node.attributes.get("src") or "") if node else ""
    try:
        there = _joined(address, source)
    except InvalidItem:
        return ""
    fits = source and is_same_site(urlsplit(address), there) and len(there.path) <= LONGEST_PATH
    return there.path if fits and clean(there.path) == there.path else ""
