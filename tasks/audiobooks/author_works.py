"""The works of an author: those that the catalogue has, or that are here. Of the rest, which may be a thousand works
that nobody ever read aloud, nothing is kept, so that an author can be complete."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from tasks.audiobooks import facts, gaps
from tasks.audiobooks.catalogue import Catalogue, Person, Recording
from tasks.audiobooks.filling import Filler, Filling, Wish, last_name_of, of_wish
from tasks.audiobooks.keep import keep
from tasks.audiobooks.matching import same_name
from tasks.audiobooks.models import Author, Edition, Gap, GapState
from tasks.audiobooks.openlibrary import Listed, OpenLibrary, Page, Writer
from tasks.audiobooks.titles import name_key, title_key
from tasks.exceptions import UpstreamError
from tasks.recording import Entry

NOBODY = frozenset({"", "anonymous", "various", "various authors", "unknown", "unknown author"})
MOST_RECORDINGS = 2000  # of one last name that are looked at


class AuthorWorks:
    def __init__(
        self,
        library: OpenLibrary,
        catalogue: Catalogue,
        filler: Filler,
        entry: Entry,
        counts: Counter[str],
        now: datetime,
    ) -> None:
        self._library = library
        self._catalogue = catalogue
        self._filler = filler
        self._entry = entry
        self._counts = counts
        self._now = now

    def complete(self, author: Author) -> None:
        """Find what is missing of his, and queue what there is, from where the last look was cut short."""
        if author.key in NOBODY:
            self._entry.log(f"{author}: nobody in particular; left out.")
            return
        key = author.openlibrary_key or self._key_of(author)
        if not key:
            self._entry.log(f"{author}: Open Library knows nobody of that name and those dates; left out.")
            return
        offset: int | None = author.cursor
        is_whole = offset == 0
        shelf = _Shelf(author, self._recordings_of(author), self._filler, self._now, is_whole=is_whole)
        while offset is not None:
            self._entry.check()
            page = self._works(author, key, offset)
            if page is None:
                return
            for work in page.works:
                if told := shelf.place(work):
                    self._counts[told] += 1
            self._counts["works"] += len(page.works)
            offset = page.next_offset
            Author.objects.filter(pk=author.pk).update(cursor=offset or 0)
        if is_whole:
            gaps.forget(author, shelf.placed)
        gaps.count(author)
        Author.objects.filter(pk=author.pk).update(completed_at=self._now)

    def _works(self, author: Author, key: str, offset: int) -> Page | None:
        """None if there is no such author any more; he is looked up anew the next time."""
        try:
            return self._library.works_of(key, offset)
        except UpstreamError as error:
            if error.status != 404:
                raise
        self._entry.log(f"{author}: Open Library no longer knows {key}; what is known of his works here stays.")
        Author.objects.filter(pk=author.pk).update(openlibrary_key="", cursor=0)
        return None

    def _key_of(self, author: Author) -> str:
        """Looked up, and kept."""
        key = writer_of(author, self._library.writers(author.name))
        if key:
            Author.objects.filter(pk=author.pk, openlibrary_key="").update(openlibrary_key=key)
        return key

    def _recordings_of(self, author: Author) -> list[Recording]:
        """All of his that the catalogue has: those of his last name, of whom the rest fits too."""
        offered = self._catalogue.search("", author.last_name or last_name_of(author.name))
        return [each for each in offered[:MOST_RECORDINGS] if any(is_he(author, person) for person in each.authors)]


class _Shelf:
    """What there is of an author, here and in the catalogue, by title."""

    def __init__(
        self, author: Author, offered: Sequence[Recording], filler: Filler, now: datetime, *, is_whole: bool
    ) -> None:
        """`is_whole`: the list comes from its beginning, so that it says anew which of two works fills which book."""
        self.placed: set[str] = set()  # keys of works
        self._author = author
        self._filler = filler
        self._now = now
        self._gaps = gaps.of(author)
        binding = [gap for gap in self._gaps.values() if not is_whole or gap.state == GapState.IGNORED]
        self._filled = {gap.book_id: gap.work_key for gap in binding if gap.book_id}
        self._here = set(author.books.filter(editions__isnull=False).values_list("key", flat=True))
        self._offered: dict[str, list[Recording]] = {}
        for each in offered:
            self._offered.setdefault(title_key(each.title), []).append(each)

    def place(self, work: Listed) -> str:
        """Keep the work if there is a recording of it; what became of it, for the counts; empty: nothing."""
        wish = Wish(key=work.key, title=work.title, authors=(self._author.name,))
        gap = self._gaps.get(work.key)
        edition = None if work.key in self.placed else self._edition(wish)
        if edition is None:
            return ""
        if self._filled.setdefault(edition.book_id, work.key) != work.key:  # Open Library has the work twice
            self._drop(gap)
            return ""
        self.placed.add(work.key)
        is_wanted = gap is None or gap.state != GapState.IGNORED
        filling = self._filler.queue(edition, f"Gap in {self._author}", may_queue=is_wanted)
        self._keep(gap, wish, filling)
        return filling.told if is_wanted else ""

    def _drop(self, gap: Gap | None) -> None:
        """Have no second gap for one book, unless staff have decided on it."""
        if gap and gap.state != GapState.IGNORED:
            Gap.objects.filter(pk=gap.pk).exclude(state=GapState.IGNORED).delete()
            del self._gaps[gap.work_key]

    def _edition(self, wish: Wish) -> Edition | None:
        key = title_key(wish.title)
        if key in self._here and (edition := self._filler.here(wish)):
            return edition
        recording = of_wish(wish, self._offered.get(key, []))
        return keep(recording, self._now) if recording else None

    def _keep(self, gap: Gap | None, wish: Wish, filling: Filling) -> None:
        self._gaps[wish.key] = gaps.keep(self._author, gap, wish, filling, self._now)


def is_he(author: Author, person: Person) -> bool:
    """Whether the catalogue's person is this author: by his id there, or by name and dates."""
    if author.librivox_id and author.librivox_id == person.id:
        return True
    dates = ((author.born, person.born), (author.died, person.died))
    return same_name(author.name, person.name) and not any(_contradict(*pair) for pair in dates)


def writer_of(author: Author, writers: Sequence[Writer]) -> str:
    """The key of the one who is this author; of several the one whose dates agree, then the one with most works."""
    fitting = [
        writer
        for writer in writers
        if same_name(author.name, writer.name)
        and not _contradict(author.born, writer.born)
        and not _contradict(author.died, writer.died)
    ]
    best = max(fitting, key=lambda writer: _rank(author, writer), default=None)
    return best.key if best else ""


def _rank(author: Author, writer: Writer) -> tuple[int, bool, int]:
    dates = ((author.born, writer.born), (author.died, writer.died))
    agreeing = sum(bool(facts.year(mine)) and facts.year(mine) == facts.year(theirs) for mine, theirs in dates)
    return agreeing, name_key(author.name) == name_key(writer.name), writer.works


def _contradict(one: str, other: str) -> bool:
    """Whether two years, however they are written, are known and differ."""
    mine, theirs = facts.year(one), facts.year(other)
    return bool(mine and theirs) and mine != theirs
