"""Crontabs as Celery reads them, and as they fire there: its own rules, which are not those of cron.

A day must fit the month's field *and* the week's. A time that the clocks skip comes as much later as they skip, and
of an hour that comes twice only the first counts, for `*/5` as well.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby

from scheduling import crontab
from scheduling.exceptions import InvalidTrigger

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
HORIZON = timedelta(days=366 * 8)  # a 29 February comes within
_TERM = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[1-9]\d*))?")


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()  # for low, low + 1 and so on

    def read(self, text: str) -> frozenset[int]:
        """The numbers that `text` names. Raises InvalidTrigger."""
        return frozenset(number for term in text.replace(" ", "").split(",") for number in self._term(term))

    def _term(self, term: str) -> list[int]:
        found = _TERM.fullmatch(term)
        if found is None:
            raise InvalidTrigger(f"Celery cannot read {term!r} as a {self.name}.")
        first, last, step = found.group("first", "last", "step")
        begin = self.low if first is None else self._number(first)
        end = self.high if first is None else self._number(last or first)
        whole = list(range(self.low, self.high + 1))
        numbers = whole[begin - self.low : end - self.low + 1]
        if end < begin:  # fri-mon goes on over the end
            numbers = [*whole[begin - self.low :], *whole[: end - self.low + 1]]
        return numbers[:: int(step or 1)]

    def _number(self, text: str) -> int:
        named = [number for number, word in enumerate(self.words, self.low) if text.lower()[:3] == word]
        number = named[0] if named else int(text) if text.isdecimal() else -1
        if not self.low <= number <= self.high:
            raise InvalidTrigger(f"Celery cannot read {text!r} as a {self.name}: {self.low} to {self.high}.")
        return number

    def written(self, text: str) -> str:
        """The same numbers as crontab text, a step that counts from the beginning as it was."""
        numbers = self.read(text)
        if len(numbers) == self.high - self.low + 1:
            return "*"
        if re.fullmatch(r"\*/\d+", text) and int(text[2:]) <= self.high - self.low:
            return text
        return _ranges(numbers)


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("day of the week", 0, 6, DAYS),
)


def translated(texts: tuple[str, ...]) -> str:
    """Minute, hour, day of the month, month and weekday of Celery as our text of the same meaning.

    Raises InvalidTrigger.
    """
    written = [field.written(text) for field, text in zip(FIELDS, texts, strict=True)]
    minute, hour, day, month, weekday = written
    if day.startswith("*") or weekday.startswith("*"):
        return " ".join(written)
    named = ",".join(DAYS[number] for number in sorted(FIELDS[4].read(texts[4])))
    given = {"month": month, "day": day, "day_of_week": named, "hour": hour, "minute": minute}
    return crontab.from_stock(
        crontab.stock_trigger({key: value for key, value in given.items() if value != "*"} | {"second": 0})
    )


def moments(texts: tuple[str, ...], place: tzinfo, first: datetime, until: datetime) -> Iterator[datetime]:
    """As Celery finds them: from each run to the next time on the clock that fits."""
    minutes, hours, days, months, weekdays = (field.read(text) for field, text in zip(FIELDS, texts, strict=True))
    before = first - MINUTE
    while True:
        wall = (before.astimezone(place).replace(tzinfo=None) + MINUTE).replace(second=0, microsecond=0)
        end = wall + HORIZON
        while wall < end:
            if not (wall.month in months and wall.day in days and wall.isoweekday() % 7 in weekdays):
                wall = wall.replace(hour=0, minute=0) + DAY
            elif wall.hour not in hours:
                wall = wall.replace(minute=0) + 60 * MINUTE
            elif wall.minute not in minutes:
                wall += MINUTE
            else:
                break
        moment = wall.replace(tzinfo=place).astimezone(UTC)
        if moment <= before:  # begun in an hour that comes for the second time
            moment = wall.replace(tzinfo=place, fold=1).astimezone(UTC)
        if moment >= until or wall >= end:
            return
        if moment >= first:
            yield moment
        before = moment


def _ranges(numbers: frozenset[int]) -> str:
    """ "1-5,7"."""
    parts = []
    for _, group in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        parts += [f"{run[0]}-{run[-1]}"] if len(run) > 2 else list(map(str, run))
    return ",".join(parts)
