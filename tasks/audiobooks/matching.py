"""Which of several offers is the book that is meant: by its title, then by who wrote it. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tasks.audiobooks.titles import BRACKETS, SUBTITLE, name_key, same_work, title_key

HONOURS = frozenset({"sir", "lord", "lady", "dr", "mr", "mrs", "miss", "rev", "baron", "count", "jr", "sr", "saint"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The book that is looked for."""

    title: str
    authors: Sequence[str] = ()  # empty: nobody knows, and nobody is refused
    key: str = ""  # at the service that is asked, if it was found there before
    recordings: Collection[str] = ()  # ids of its recordings


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A book that a service has."""

    title: str
    authors: Sequence[str] = ()
    key: str = ""
    recordings: Collection[str] = ()
    weight: int = 0  # of two that are alike, the one that has more of it


def choose(wanted: Wanted, offers: Sequence[Offer]) -> int | None:
    """The place of the best offer; None if none of them is the book."""
    title, authors = title_key(wanted.title), [name_key(name) for name in wanted.authors]
    fitting = [place for place, offer in enumerate(offers) if _fits(wanted, title, authors, offer)]
    return max(fitting, key=lambda place: _rank(wanted, authors, offers[place], place), default=None)


def bare(title: str) -> str:
    """The title as it is searched for: without its subtitle, and without "(version 2)" and the like."""
    main = SUBTITLE.split(BRACKETS.sub(" ", title).strip(), maxsplit=1)[0]
    return " ".join((main or title).split())


def same_name(one: str, other: str) -> bool:
    """Whether two names can be those of one person: the same last name, and first names that do not contradict."""
    return _same_person(name_key(one), name_key(other))


def _fits(wanted: Wanted, title: str, authors: list[str], offer: Offer) -> bool:
    """A recording that both know goes for the title, but not for who wrote it."""
    is_known = bool(set(wanted.recordings) & set(offer.recordings))
    is_like = title_key(offer.title) == title and same_work(wanted.title, offer.title)
    if not title or not (is_known or is_like):
        return False
    return not authors or any(_same_person(name, name_key(other)) for name in authors for other in offer.authors)


def _rank(wanted: Wanted, authors: list[str], offer: Offer, place: int) -> tuple[bool, bool, int, int, int]:
    return (
        bool(wanted.key) and wanted.key == offer.key,
        bool(set(wanted.recordings) & set(offer.recordings)),
        sum(name_key(name) in authors for name in offer.authors),
        offer.weight,
        -place,
    )


def _same_person(one: str, other: str) -> bool:
    """By their keys. "a writer", "anna writer" and "anna b writer" can be one; "writer" alone is somebody else."""
    if one == other:
        return bool(one)
    mine, theirs = ([word for word in name.split() if word not in HONOURS] for name in (one, other))
    if not mine or not theirs or mine[-1] != theirs[-1] or min(len(mine), len(theirs)) < 2:
        return mine == theirs and bool(mine)
    return all(_agree(first, second) for first, second in zip(mine[:-1], theirs[:-1], strict=False))


def _agree(one: str, other: str) -> bool:
    """Two first names: the same, or one is the other's initial."""
    return one == other or (min(len(one), len(other)) == 1 and one[0] == other[0])
