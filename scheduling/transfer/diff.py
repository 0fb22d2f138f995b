"""What a document would change: field by field, the old value and the new."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scheduling.models import Calendar, Job, Window
from scheduling.redact import redact_json
from scheduling.store.changes import alike
from scheduling.transfer.reading import Path

CREATED, CHANGED, UNCHANGED, REMOVED, KEPT = "created", "changed", "unchanged", "removed", "kept"
DEEDS = (CREATED, CHANGED, REMOVED, KEPT, UNCHANGED)  # in the order in which they are told


class Absent:
    """Stands for a value that is not named: the default of its key."""

    def __repr__(self) -> str:
        return "default"


ABSENT = Absent()

type Fields = dict[str, tuple[Any, Any]]  # path of a value -> old and new


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one job or calendar."""

    deed: str
    row: Job | Calendar  # as it shall be; a removed one as it is
    fields: Fields = field(default_factory=dict)
    columns: tuple[str, ...] = ()  # those of a job that change
    windows: tuple[Window, ...] = ()  # those of a calendar, all of them
    reason: str = ""

    @property
    def id(self) -> str:
        return self.row.pk


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a document would do, in its own order; removals last."""

    calendars: tuple[Step, ...]
    jobs: tuple[Step, ...]

    def count(self, deed: str) -> int:
        """Of the jobs and the calendars."""
        return sum(step.deed == deed for step in (*self.calendars, *self.jobs))

    @property
    def changes_something(self) -> bool:
        return any(self.count(deed) for deed in (CREATED, CHANGED, REMOVED))


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Fields:
    """The values of two documents of one thing that are not the same; secrets are not told."""
    old, new = (dict(_flat(redacted(each))) for each in (before, after))
    plain_old, plain_new = (dict(_flat(each)) for each in (before, after))
    paths = [*new, *(path for path in old if path not in new)]
    changed = [path for path in paths if not alike(plain_old.get(path, ABSENT), plain_new.get(path, ABSENT))]
    return {_told(path): (old.get(path, ABSENT), new.get(path, ABSENT)) for path in changed}


def redacted(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document whose arguments tell no secret."""
    return {key: redact_json(value) if key == "arguments" else value for key, value in document.items()}


def _flat(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Each value that holds no others, with its path; lists of words are told as a whole."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, (*path, key))
    elif isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        for number, each in enumerate(value):
            yield from _flat(each, (*path, number))
    else:
        yield path, value


def _told(path: Path) -> str:
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path).lstrip(".")
