"""A Head-Fi of our own: classifieds in ten categories that go on while one looks, its robots.txt, its two pagers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from html import escape
from random import Random
from urllib.parse import quote

from tasks.demo.posters import poster
from tasks.demo.upstream import Clock, Reply, Request

SLUGS = (
    *("full-size.2", "in-ear-monitors.3", "desktop.5", "portable.6", "dacs.8", "dac-amps.9", "daps.10"),
    *("cd-players.11", "cables-speakers-accessories-for-sale-trade.12", "media-for-sale-trade.13"),
)
ROBOTS = "User-agent: *\nDisallow: /classifieds/add\nDisallow: /account/\n"
PER_PAGE = 20  # listings
NEW_EVERY, EVENT_EVERY = timedelta(minutes=3), timedelta(minutes=2)  # something changes: cheaper, or sold
APART = timedelta(minutes=37)  # one listing of the past from the next, in a category
CATEGORY = re.compile(r"/classifieds/categories/([a-z0-9-]+\.\d+)/(?:page-(\d+))?")
DETAIL = re.compile(r"/classifieds/[^/]*\.(\d+)/")
COVER = re.compile(r"/data/covers/(\d+)\.png")
MAKERS = ("ACME", "Northwind", "Ørsund", "Tidewater", "Lumen & Sons", "Kōen", "Halyard", "Größer", "Pinecone", "静音")
MODELS = ("HP-900", "Lark II", "Heron", "No. 5", "Skerry", "Fathom Pro", "Drift", "HD800 tribute", "Ember", "Quay")
EXTRAS = ("balanced cable", "mint", "<b>like new</b>", "boxed", "B-stock", "w/ case & pads", "1 owner", '"Anniversary"')
SELLERS = ("sound.fan 7", "Mr. Loud", "ear-wax", "Zoë van Dijk", "x_y.z", "The Quiet One", "3.5mm", "o'brien")
CONDITIONS = ("New", "Excellent/Like new", "Used/Good condition", "For parts")
PLACES = ("CONUS", "CONUS, Canada", "Worldwide", "EU, UK", "Anywhere")
LABELS = ("For Sale", "For Sale", "For Sale", "For Sale/Trade", "Want To Buy", "Trade Only")
CURRENCIES = ("USD", "USD", "USD", "EUR", "GBP", "CAD", "AUD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ad:
    """A listing."""

    id: int
    title: str
    label: str
    price: Decimal | None
    currency: str
    condition: str
    ships_to: str
    seller: str
    reputation: int
    listed_at: datetime
    edited_at: datetime | None = None

    @property
    def path(self) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-") or "listing"
        return f"/classifieds/{slug[:60]}.{self.id}/"


class HeadFi:
    """Tells what is for sale at this moment; the public attributes are switches for tests."""

    def __init__(self, clock: Clock, *, per_category: int = 40, per_page: int = PER_PAGE) -> None:
        self.clock = clock
        self.per_page = per_page
        self.robots: str | int = ROBOTS  # a number: the status of an answer without a body
        self.is_challenging = False  # 200 and a riddle instead of pages
        self.is_renamed = False  # other class names than those that are known
        self.with_etag = True
        self.removed: set[int] = set()  # listings
        self.extra: dict[str, list[str]] = {}  # HTML before the first listing of a category
        self._started = clock.now().replace(microsecond=0)
        self._news = 0  # how many of them have come so far
        self._events = 0
        self.ads: dict[str, list[Ad]] = {  # the newest first
            slug: [
                _ad(slug, 100_000 * (place + 1) + per_category - number, self._started - number * APART)
                for number in range(per_category)
            ]
            for place, slug in enumerate(SLUGS)
        }

    def answers(self, path: str) -> bool:
        return path == "/robots.txt" or path.startswith(("/classifieds/", "/data/covers/"))

    def reply(self, request: Request) -> Reply:
        if request.path == "/robots.txt":
            text = self.robots if isinstance(self.robots, str) else ""
            status = self.robots if isinstance(self.robots, int) else 200
            return Reply(status, {"Content-Type": "text/plain"}, text.encode())
        if picture := COVER.fullmatch(request.path):
            return Reply(headers={"Content-Type": "image/png"}, body=poster(picture[1]))
        if not request.headers.get("user-agent"):
            return Reply(403)
        if self.is_challenging:
            return _html("<h1>One moment</h1><form id=riddle>Are you a person?</form>")
        self._live()
        return self._page(request)

    def change(self, slug: str, place: int, **values: object) -> Ad:
        """Let a listing of the category become another one, and say which."""
        self.ads[slug][place] = replace(self.ads[slug][place], **values)  # type: ignore[arg-type]
        return self.ads[slug][place]

    def add(self, slug: str, **values: object) -> Ad:
        """Offer something new."""
        self._news += 1
        self.ads[slug].insert(0, _ad(slug, 5_000_000 + self._news, self.clock.now().replace(microsecond=0)))
        return self.change(slug, 0, **values)

    def _live(self) -> None:
        """All that has happened up to now."""
        gone = self.clock.now() - self._started
        while self._news < gone // NEW_EVERY:
            self.add(SLUGS[self._news * 7 % len(SLUGS)])
        while self._events < gone // EVENT_EVERY:
            self._events += 1
            random = Random(f"event {self._events}")  # noqa: S311
            slug = random.choice(SLUGS)
            place = random.randrange(min(len(self.ads[slug]), self.per_page))
            self._happen(slug, place, self._started + self._events * EVENT_EVERY)

    def _happen(self, slug: str, place: int, now: datetime) -> None:
        ad = self.ads[slug][place]
        if self._events % 4 == 0:
            self.change(slug, place, title=f"[SOLD] {ad.title.removeprefix('[SOLD] ')}", edited_at=now)
        elif ad.price and ad.price > 20:
            self.change(slug, place, price=(ad.price * Decimal("0.92")).quantize(Decimal(1)), edited_at=now)

    def _page(self, request: Request) -> Reply:
        found = CATEGORY.fullmatch(request.path)
        if found and found[1] in self.ads:
            return self._conditional(self._category(found[1], int(found[2] or request.params.get("page", 1))), request)
        detail = DETAIL.fullmatch(request.path)
        if detail and (ad := self._ad(int(detail[1]))):
            return _html(f'<h1 class="p-title-value">{escape(ad.title)}</h1><div class="bbWrapper">As shown.</div>')
        if request.path == "/classifieds/":
            return _html("".join(f'<a href="/classifieds/categories/{slug}/">{slug}</a> ' for slug in SLUGS))
        return _html("<h1>Oops! We ran into some problems.</h1>", 404)

    def _ad(self, number: int) -> Ad | None:
        shown = (ad for ads in self.ads.values() for ad in ads if ad.id not in self.removed)
        return next((ad for ad in shown if ad.id == number), None)

    def _conditional(self, reply: Reply, request: Request) -> Reply:
        if not self.with_etag:
            return reply
        etag = f'W/"{sha256(reply.body).hexdigest()[:16]}"'
        is_known = request.headers.get("if-none-match") == etag
        return Reply(304, {"ETag": etag}) if is_known else replace(reply, headers={**reply.headers, "ETag": etag})

    def _category(self, slug: str, number: int) -> Reply:
        """A page, which begins with the last listing of the one before: one has come in while you were reading."""
        ads = [ad for ad in self.ads[slug] if ad.id not in self.removed]
        start = (number - 1) * self.per_page
        cards = [_card(ad) for ad in ads[max(start - 1, 0) : start + self.per_page]]
        if number == 1:
            cards = [*self.extra.get(slug, ()), *cards]
        html = "\n".join(cards) + "".join(_pager(slug, number, start + self.per_page < len(ads)))
        return _html(html.replace("hfc", "cls").replace("pageNav", "pager") if self.is_renamed else html)


def _ad(slug: str, number: int, listed_at: datetime) -> Ad:
    random = Random(f"{slug} {number}")  # noqa: S311
    label = random.choice(LABELS)
    words = (random.choice(MAKERS), random.choice(MODELS), random.choice(EXTRAS))
    has_price = label.startswith("For Sale") and random.random() < 0.95
    return Ad(
        id=number,
        title=("[SOLD] " if random.random() < 0.08 else "") + f"{words[0]} {words[1]}, {words[2]}",
        label="Closed" if random.random() < 0.04 else label,
        price=Decimal(random.randrange(25, 2500, 5)) if has_price else None,
        currency=random.choice(CURRENCIES),
        condition=random.choice(CONDITIONS),
        ships_to=random.choice(PLACES),
        seller=random.choice(SELLERS),
        reputation=random.randrange(400),
        listed_at=listed_at,
    )


def _card(ad: Ad) -> str:
    price = f" {ad.price:,.2f} {ad.currency}" if ad.price is not None else ""
    edited = f'<div class="hfcLastEditDate">{_time(ad.edited_at)}</div>' if ad.edited_at else ""
    return f"""<a class="hfcUserListing" href="{escape(quote(ad.path))}">
  <img class="hfcCoverImage--clear" src="/data/covers/{ad.id}.png" alt="">
  <div class="hfcListingTitle">{escape(ad.title)}</div>
  <div class="hfcPrice"><span class="label">{escape(ad.label)}</span>{price}</div>
  <div class="hfcCustomFields"><dl class="pairs"><dt>Condition</dt><dd>{escape(ad.condition)}</dd></dl>
    <dl class="pairs"><dt>Price negotiability</dt><dd>Firm</dd></dl>
    <dl class="pairs"><dt>Ships to</dt><dd>{escape(ad.ships_to)}</dd></dl></div>
  <div class="hfcCreatorInfo">Listed by: {escape(ad.seller)} ({ad.reputation})</div>
  <div class="hfcListingDate">{_time(ad.listed_at)}</div>{edited}</a>"""


def _time(moment: datetime) -> str:
    return f'<time class="u-dt" datetime="{moment:%Y-%m-%dT%H:%M:%S%z}">{moment:%A}</time>'


def _pager(slug: str, number: int, goes_on: bool) -> Iterator[str]:
    """The number of the next page is in the path of some categories, and in the query of others."""
    in_path = SLUGS.index(slug) % 2
    address = f"/classifieds/categories/{slug}/" + (f"page-{number + 1}" if in_path else f"?page={number + 1}")
    yield f'<nav class="pageNavWrapper"><span class="pageNav-page">{number}</span>'
    if goes_on:
        yield f'<a class="pageNav-jump pageNav-jump--next" href="{address}">Next</a>'
    yield "</nav>"


def _html(body: str, status: int = 200) -> Reply:
    page = f"<!DOCTYPE html><html><head><title>Classifieds</title></head><body>{body}</body></html>"
    return Reply(status, {"Content-Type": "text/html; charset=utf-8"}, page.encode())
