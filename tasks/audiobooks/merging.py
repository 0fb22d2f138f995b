"""Which source is believed for which field of a book. Pure.

- What the catalogue, or staff, have told is theirs: title, authors and all that is there without being a source's.
- For the rest the sources come in the order in which they are asked, but for the fields of FIRST.
- A field that no source tells any more stays as it is.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FIELDS = (
    *("subtitle", "description", "language", "first_published", "publisher", "isbn", "asin", "rating"),
    *("openlibrary_key", "cover_url", "series"),
)
FIRST = {"publisher": "google", "asin": "audnexus", "rating": "google"}  # who is believed before all others


@dataclass(frozen=True, slots=True)
class Merged:
    values: Mapping[str, Any]  # of the fields that are to be written; `series` is {"key", "name", "position"}
    told_by: Mapping[str, str]  # of all fields


def merged(
    current: Mapping[str, Any],
    told_by: Mapping[str, str],
    told: Mapping[str, Mapping[str, Any]],
    order: Sequence[str],
) -> Merged:
    """`current`: the values of FIELDS as they are; `told`: what each source said last; `order`: of the sources."""
    values: dict[str, Any] = {}
    tellers = dict(told_by)
    own = settled(current, told_by, order)
    for name in FIELDS:
        teller = None if name in own else _teller(name, told, order)
        if teller is None:
            continue
        tellers[name] = teller
        value = told[teller][name]
        if value != current.get(name):
            values[name] = value
    return Merged(values, tellers)


def settled(current: Mapping[str, Any], told_by: Mapping[str, str], sources: Collection[str]) -> frozenset[str]:
    """The fields that have a value which is none of these sources'."""
    return frozenset(name for name in FIELDS if _has(current.get(name)) and told_by.get(name) not in sources)


def _teller(name: str, told: Mapping[str, Mapping[str, Any]], order: Sequence[str]) -> str | None:
    """The source that is believed: the first that says anything of the field."""
    ranked = sorted(order, key=lambda source: source != FIRST.get(name))
    return next((source for source in ranked if _has(told.get(source, {}).get(name))), None)


def _has(value: Any) -> bool:
    return value is not None and value != ""
