"""Reader: follows a category from page to page, and keeps each page together with the place behind it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from tasks.classifieds import positions
from tasks.classifieds.claim import Claim, lease
from tasks.classifieds.fetching import Reply
from tasks.classifieds.headfi import HeadFi, NoListing, StrangeAnswer
from tasks.classifieds.keep import Kept, keep_listings
from tasks.classifieds.markup import Markup
from tasks.classifieds.models import Category
from tasks.classifieds.parse import Page, Parsed, name_of, parse_listing, parse_page
from tasks.exceptions import InvalidItem
from tasks.recording import Entry

ONE = {"pages": "page", "matches": "match"}


@dataclass(slots=True)
class Reader:
    """Reads from a site, by markup, for as long as the claim on it is ours."""

    site: HeadFi
    markup: Markup
    claim: Claim
    thorough: int  # pages of a first scan
    has_seen: bool = False  # a page with listings, in whatever category
    has_missed: bool = False  # listings on a page where there were some before

    def read(self, category: Category, entry: Entry, max_pages: int) -> None:
        """Read from `category.scan_path` on: to the last page, to `max_pages`, or to a page on which nothing is new.

        The last of these only if the scan before had come to its end, else more may be behind that page.
        """
        entry.result = told = {"pages": 0, **asdict(Kept())}
        if category.scan_pages:
            entry.log(f"Goes on with page {category.scan_pages + 1}, where a scan was interrupted.")
        while category.scan_path:
            self._renew()
            if category.scan_pages and not self.site.allows(category.scan_path):
                entry.log(f"Page {category.scan_pages + 1} is not allowed by robots.txt: this is the end.")
                self._arrive(category)
                break
            reply = self.site.page(category.scan_path, if_changed=category.is_complete)
            told["pages"] += 1
            if reply is None:
                entry.log(f"Page {category.scan_pages + 1} is as it was.")
                self.has_seen, told["as_it_was"] = True, 1
                self._arrive(category)
            else:
                for name, number in asdict(self._read_page(category, reply, entry, max_pages)).items():
                    told[name] += number
        entry.expect(0)
        entry.log(in_words(told))

    def give_up(self, category: Category) -> None:
        with self._ours():
            positions.give_up(category)

    def _arrive(self, category: Category) -> None:
        with self._ours() as now:
            positions.arrive(category, now, is_explored=True)

    def _read_page(self, category: Category, reply: Reply, entry: Entry, max_pages: int) -> Kept:
        """Keep the listings of a page and move on. Raises StrangeAnswer or NoListing for one without any."""
        address = self.site.address(category.scan_path)
        page = self._recognised(category, address, reply)
        entry.expect(len(page.listings) * (max_pages - category.scan_pages))
        found = _parsed(page, address, self.markup, entry)
        if page.listings and not found:
            why = f"None of its {len(page.listings)} listings can be read"
            raise StrangeAnswer(address, reply.status, why, reply.body)
        self.has_seen |= bool(found)
        is_last = category.scan_pages + 1 >= max_pages
        with self._ours() as now:
            kept = keep_listings(category, found, now)
            is_whole = len(found) == len(page.listings)
            if is_whole:  # else it is read again, perhaps with better selectors
                self.site.keep(category.scan_path, reply, now)
            if page.stray and not is_last:
                positions.give_up(category)
            elif is_last or not page.next_path or (category.is_complete and is_whole and kept.nothing_new):
                is_end = not page.next_path and not page.stray
                positions.arrive(category, now, is_explored=is_end or category.scan_pages + 1 >= self.thorough)
            else:
                positions.step(category, page.next_path, now)
        if page.stray and not is_last:
            raise InvalidItem(page.stray)
        return kept

    def _recognised(self, category: Category, address: str, reply: Reply) -> Page:
        """Raises StrangeAnswer for no page of the classifieds, NoListing for one that has become empty."""
        try:
            page = parse_page(reply.body, address, self.markup)
        except InvalidItem as error:
            raise StrangeAnswer(address, reply.status, f"The page is not read, for {error}", reply.body) from None
        if not page.is_known:
            raise StrangeAnswer(address, reply.status, "It is no page of the classifieds", reply.body)
        if not page.listings and not category.scan_pages and category.listings.exists():
            self.has_missed = True
            raise NoListing(address, reply.status, "There is no listing on it", reply.body)
        return page

    def _renew(self) -> datetime:
        now = timezone.now()
        self.claim.renew(lease(self.site.delay), now)
        return now

    @contextmanager
    def _ours(self) -> Iterator[datetime]:
        """A transaction in which no other scan writes. Raises TakenOver if one reads the site by now."""
        with transaction.atomic():
            yield self._renew()


def in_words(told: Mapping[str, int]) -> str:
    """What a record tells, as people read it: 1 page, 3 new; of a page that is as it was, that alone."""
    if told.get("as_it_was"):
        told = {name: number for name, number in told.items() if number}
    named = ((ONE.get(name, name) if number == 1 else name, number) for name, number in told.items())
    return ", ".join(f"{number} {name}" if name != "as_it_was" else "as it was" for name, number in named)


def _parsed(page: Page, address: str, markup: Markup, entry: Entry) -> Sequence[Parsed]:
    found = []
    for card in page.listings:
        with entry.item(name_of(card)):
            found.append(parse_listing(card, address, markup))
    return found
