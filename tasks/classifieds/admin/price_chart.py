"""How a price went, as a line of steps in SVG, drawn on the server from numbers."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.utils.html import format_html
from django.utils.safestring import SafeString

from tasks.classifieds.keep import price_in, price_text
from tasks.classifieds.models import Change, Listing

WIDTH, HEIGHT, MARGIN = 600, 120, 8  # units of the drawing

type Point = tuple[datetime, Decimal]


def points(listing: Listing, changes: Sequence[Change]) -> list[Point]:
    """What the listing cost from when on, oldest first, in its present currency."""
    told = sorted((each for each in changes if each.field == "price"), key=lambda each: each.seen_at)
    first = told[0].old if told else price_text(listing.price, listing.currency)
    texts = [(listing.first_seen_at, first), *((each.seen_at, each.new) for each in told)]
    prices = [(moment, price_in(text)) for moment, text in texts]
    return [(moment, price[0]) for moment, price in prices if price and price[1] == listing.currency]


def draw(found: Sequence[Point], until: datetime, currency: str) -> SafeString | str:
    """The line up to `until`; nothing where the price never changed."""
    if len(found) < 2:
        return ""
    prices = [price for _, price in found]
    label = f"From {price_text(prices[0], currency)} to {price_text(prices[-1], currency)}"
    return format_html(
        '<svg class="rota-price" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        'aria-label="{label}"><polyline points="{corners}" fill="none" stroke="currentColor" stroke-width="2" '
        'stroke-linejoin="round"/></svg><div class="rota-faint">{label}</div>',
        width=WIDTH,
        height=HEIGHT,
        label=label,
        corners=line(found, until),
    )


def line(found: Sequence[Point], until: datetime) -> str:
    """The corners of the line; each price holds until the next one."""
    begin, lowest = found[0][0], min(price for _, price in found)
    seconds = max((until - begin).total_seconds(), 1.0)
    spread = max(price for _, price in found) - lowest or Decimal(1)

    def x(moment: datetime) -> float:
        return round(MARGIN + min((moment - begin).total_seconds() / seconds, 1.0) * (WIDTH - 2 * MARGIN), 1)

    def y(price: Decimal) -> float:
        return round(HEIGHT - MARGIN - float((price - lowest) / spread) * (HEIGHT - 2 * MARGIN), 1)

    ends = [*(moment for moment, _ in found[1:]), max(until, found[-1][0])]
    return " ".join(
        f"{x(start)},{y(price)} {x(end)},{y(price)}" for (start, price), end in zip(found, ends, strict=True)
    )
