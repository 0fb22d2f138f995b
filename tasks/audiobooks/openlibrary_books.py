"""What Open Library tells of a book: one search, and the work by itself where the description is wanted."""

from typing import Any, ClassVar

from tasks.audiobooks import facts
from tasks.audiobooks.conf import Options
from tasks.audiobooks.matching import Offer, bare, choose
from tasks.audiobooks.openlibrary import Doc, OpenLibrary
from tasks.audiobooks.telling import NOT_FOUND, UNCHANGED, Known, Said
from tasks.audiobooks.titles import title_key
from tasks.http import Deadline


class OpenLibraryBooks:
    name: ClassVar[str] = "openlibrary"

    def __init__(self, options: Options, deadline: Deadline) -> None:
        self._api = OpenLibrary(options, deadline)
        self._covers = options.covers_url

    @staticmethod
    def is_wanted(options: Options) -> bool:
        return bool(options.openlibrary_url)

    def ask(self, known: Known) -> Said | None:
        """One request for a book that is as it was; two for most others."""
        title = bare(known.title)
        if not title_key(title):
            return None
        found = self._api.find(title, known.authors[0] if known.authors else "", known)
        if found.is_unchanged:
            return UNCHANGED
        place = choose(known.wanted(known.openlibrary_key), [_offer(doc) for doc in found.docs])
        if place is None:
            return Said(found=False, validator=found.validator) if found.validator else NOT_FOUND
        return Said(fields=self._fields(found.docs[place], known), validator=found.validator)

    def close(self) -> None:
        self._api.close()

    def _fields(self, doc: Doc, known: Known) -> dict[str, Any]:
        isbn, publisher = facts.isbn(doc.isbns, known.isbn), next(iter(doc.publishers), "")
        if not isbn and "isbn" not in known.settled and doc.editions:
            isbn, publisher = self._of_editions(doc.key, known.isbn, publisher)
        told: dict[str, Any] = {
            "openlibrary_key": doc.key,
            "subtitle": doc.subtitle,
            "first_published": doc.first_published,
            "language": facts.language(list(doc.languages)),
            "publisher": publisher,
            "isbn": isbn,
            "asin": facts.asin(doc.asins, known.asin),
            "rating": doc.rating,
            "cover_url": f"{self._covers}/b/id/{doc.cover}-M.jpg?default=false" if doc.cover else "",
            "series": _series(doc, known.series_key),
            "author_keys": {name: key for key, name in doc.authors if key.endswith("A")},
        }
        if "description" not in known.settled and (work := self._api.work(doc.key)):
            told["description"] = work.description
        return told

    def _of_editions(self, key: str, isbn: str, publisher: str) -> tuple[str, str]:
        editions = self._api.editions(key)
        numbers = [each.get(name) for name in ("isbn_13", "isbn_10") for each in editions]
        publishers = [name for each in editions for name in facts.texts(each.get("publishers"), 200)]
        found = facts.isbn((one for many in numbers for one in facts.texts(many, 30)), isbn)
        return found, publisher or next(iter(publishers), "")


def _offer(doc: Doc) -> Offer:
    return Offer(title=doc.title, authors=doc.names, key=doc.key, recordings=doc.recordings, weight=doc.editions)


def _series(doc: Doc, known: str) -> dict[str, str] | None:
    """The series that the book is in already, or else the first that has a name."""
    place = doc.place_in(known) or next((place for place in doc.series if place.name), None)
    return {"key": place.key, "name": place.name, "position": place.position} if place else None
