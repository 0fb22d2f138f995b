"""Crontab text, and APScheduler's keyword form, as days and times on a clock that knows no zone.

A text is crontab text (`0 2 * * 0`, with seconds first if there are six fields, or `@daily`), or
keywords with APScheduler's meaning (`week=*/2 day_of_week=mon hour=7 minute=30 second=0`).
"""

import calendar
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.cron.expressions import WeekdayPositionExpression
from cron_descriptor import ExpressionDescriptor, Options
from cronsim import CronSim, CronSimError

from scheduling.exceptions import InvalidTrigger

LONGEST = 200  # characters
DAWN = date(2000, 1, 1)  # from here an expression is tried for a first match
HORIZON = timedelta(days=36_525)  # what does not match in a hundred years never does
ONE_DAY = timedelta(days=1)
WEEK = tuple(date(2001, 1, 1) + number * ONE_DAY for number in range(7))  # a Monday and the days after it

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class Field(NamedTuple):
    """What one field of crontab text may hold."""

    name: str
    low: int
    high: int
    names: str = ""  # for low, low + 1 and so on
    special: str = ""  # pattern of the terms that are not numbers
    example: str = ""


FIELDS = (
    Field("second", 0, 59),
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31, special="LW?", example=", L for the last day"),
    Field("month", 1, 12, "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", example=", a name such as jan"),
    Field(
        "day of the week",
        0,
        7,
        "SUN MON TUE WED THU FRI SAT",
        special="[0-7](L|#[1-5])",
        example=" (0 and 7 are Sunday), a name such as mon, 5L for the last Friday, 5#2 for the second",
    ),
)
_TERM = re.compile(r"(?:\*|(?P<first>[0-9]{1,9})(?:-(?P<last>[0-9]{1,9}))?)(?:/(?P<step>[0-9]{1,9}))?")
_PAIR = re.compile(r"([a-z_]+)=(.*?)(?=\s+[a-z_]+=|$)")
_WORDS = Options(locale_code="en_US", use_24hour_time_format=True)


@dataclass(frozen=True, slots=True)
class Expression:
    """The walls (naive moments on a clock that never changes) that an expression names."""

    month_fits: Callable[[date], bool]
    day_fits: Callable[[date], bool]
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]
    fixed: bool  # times of the day rather than a rhythm: neither the minutes nor the hours begin with a star

    def days(self, first: date, last: date) -> Iterator[date]:
        """The days that fit, from `first` to `last`, both included."""
        day = first
        while day <= last:
            if not self.month_fits(day):
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if self.day_fits(day):
                yield day
            day += ONE_DAY

    def within(self, first: datetime, until: datetime) -> Iterator[tuple[date, range]]:
        """The days with walls from `first` up to but not including `until`, and the places of those walls."""
        for day in self.days(first.date(), until.date()):
            begin = self._place(first) if day == first.date() else 0
            end = self._place(until) if day == until.date() else self.places
            if begin < end:
                yield day, range(begin, end)

    def at(self, day: date, place: int) -> datetime:
        """The wall at this place among those of `day`."""
        rest, second = divmod(place, len(self.seconds))
        hour, minute = divmod(rest, len(self.minutes))
        return datetime.combine(day, time(self.hours[hour], self.minutes[minute], self.seconds[second]))

    @property
    def places(self) -> int:
        """How many walls a day has."""
        return len(self.hours) * len(self.minutes) * len(self.seconds)

    def _place(self, wall: datetime) -> int:
        """How many walls of a day lie before the time of `wall`."""
        place, exact = 0, True
        clock = ((self.hours, wall.hour), (self.minutes, wall.minute), (self.seconds, wall.second))
        for values, value in clock:
            before = bisect_left(values, value) if exact else 0
            exact = exact and before < len(values) and values[before] == value
            place = place * len(values) + before
        return place


@lru_cache(maxsize=4096)
def read(text: str) -> Expression:
    """The expression in `text`. Raises InvalidTrigger, with what to write instead."""
    if len(text) > LONGEST:
        raise InvalidTrigger(f"The expression has {len(text)} characters; at most {LONGEST} are allowed.")
    try:
        expression = _read_keywords(_stock(text)) if "=" in text else _read_crontab(plain(text))
        next(expression.days(DAWN, DAWN + HORIZON))
    except (CronSimError, StopIteration):
        raise InvalidTrigger(f"{text!r} never matches: no such day comes; mend day or month.") from None
    return expression


def plain(text: str) -> str:
    """Crontab text in six fields, with numbers for names. Raises InvalidTrigger."""
    written = text.strip().lower()
    if not written:
        raise InvalidTrigger("Write a crontab expression, such as 0 2 * * * for 02:00 every day.")
    if written == "@reboot":
        raise InvalidTrigger("@reboot is not a time; use the option 'run at start-up' of the job.")
    if written.startswith("@") and written not in MACROS:
        raise InvalidTrigger(f"{text!r} is not known; write one of {', '.join(MACROS)}, or five fields.")
    parts = MACROS.get(written, written).split()
    if len(parts) not in (5, 6):
        raise InvalidTrigger(
            f"The expression has {len(parts)} field{'' if len(parts) == 1 else 's'}; write 5 (minute hour"
            " day-of-month month day-of-week), or 6 with the seconds first."
        )
    parts = ["0", *parts] if len(parts) == 5 else parts
    return " ".join(_plain_field(field, part.upper()) for field, part in zip(FIELDS, parts, strict=True))


def _plain_field(field: Field, text: str) -> str:
    for number, name in enumerate(field.names.split(), field.low):
        text = re.sub(rf"(?<![A-Z]){name}(?=L?(?![A-Z]))", str(number), text)
    return ",".join(_plain_term(field, term) for term in text.split(","))


def _plain_term(field: Field, term: str) -> str:
    if field.special and re.fullmatch(field.special, term):
        return term
    if not term:
        raise InvalidTrigger(f"The {field.name} has a comma with nothing beside it; take it out.")
    found = _TERM.fullmatch(term)
    if not found:
        raise InvalidTrigger(
            f"{term!r} is no {field.name}; write *, */5, or a number, list or range"
            f" in {field.low}-{field.high}{field.example}."
        )
    first, last, step = (None if number is None else int(number) for number in found.groups())
    _check_numbers(field, first, last, step)
    if first and last == 0 and field.high == 7:
        last = 7  # fri-sun
    if first is not None and last is not None and last < first:
        raise InvalidTrigger(
            f"The {field.name} range {first}-{last} runs backwards; write {first}-{field.high},{field.low}-{last}."
        )
    if last == first is not None:
        return str(first)  # whatever the step: cronsim would count it on to the end
    start = "*" if first is None else str(first)
    return start + (f"-{last}" if last is not None else "") + (f"/{step}" if step is not None else "")


def _check_numbers(field: Field, first: int | None, last: int | None, step: int | None) -> None:
    for number in (first, last):
        if number is not None and not field.low <= number <= field.high:
            raise InvalidTrigger(f"The {field.name} {number} is outside {field.low}-{field.high}.")
    if step == 0:
        raise InvalidTrigger(f"The step of the {field.name} is 0; write */1 or more.")
    if step is not None and step > field.high - field.low + 1:
        raise InvalidTrigger(
            f"The step {step} of the {field.name} goes beyond {field.low}-{field.high}:"
            " steps begin anew each time. For a longer rhythm choose an interval."
        )


def _read_crontab(text: str) -> Expression:
    cron = CronSim(text, datetime.combine(DAWN, time()))
    _, minute, hour, *_ = text.split()
    return Expression(
        month_fits=lambda day: day.month in cron.months,
        day_fits=cron.match_day,
        hours=tuple(sorted(cron.hours)),
        minutes=tuple(sorted(cron.minutes)),
        seconds=tuple(sorted(cron.seconds)),
        fixed=not (minute.startswith("*") or hour.startswith("*")),
    )


def keywords(text: str) -> dict[str, str]:
    """The names and values of the keyword form. Raises InvalidTrigger."""
    pairs = _PAIR.findall(text.strip().lower())
    names = [name for name, _ in pairs]
    unknown = [*(set(names) - set(CronTrigger.FIELD_NAMES)), *_PAIR.sub("", text.strip().lower()).split()]
    if unknown:
        raise InvalidTrigger(f"{unknown[0]!r} is not known; write {'=… '.join(CronTrigger.FIELD_NAMES)}=….")
    if len(set(names)) < len(names):
        raise InvalidTrigger("A field is given twice; write its values as a list, such as hour=2,14.")
    return dict(pairs)


def stock_trigger(values: dict[str, Any]) -> CronTrigger:
    """APScheduler's trigger of these fields, in UTC. Raises InvalidTrigger."""
    for name, value in values.items():
        if re.search(r"[a-z]\s*[/#]", str(value), re.IGNORECASE):
            raise InvalidTrigger(f"{name}={value}: no step can follow a name; write the values as a list.")
        try:
            CronTrigger(timezone="UTC", **{name: value})
        except (TypeError, ValueError) as error:
            raise InvalidTrigger(f"{name}={value}: {error}.") from None
    return CronTrigger(timezone="UTC", **values)


def _stock(text: str) -> CronTrigger:
    return stock_trigger(keywords(text))


def _read_keywords(trigger: CronTrigger) -> Expression:
    fits = {name: _fits(trigger, name) for name in ("hour", "minute", "second")}
    return Expression(
        month_fits=_fits(trigger, "year", "month"),
        day_fits=_fits(trigger, "day", "week", "day_of_week"),
        hours=tuple(hour for hour in range(24) if fits["hour"](time(hour))),
        minutes=tuple(minute for minute in range(60) if fits["minute"](time(0, minute))),
        seconds=tuple(second for second in range(60) if fits["second"](time(0, 0, second))),
        fixed=not any(str(field).startswith("*") for field in trigger.fields if field.name in ("hour", "minute")),
    )


def _fits(trigger: CronTrigger, *names: str) -> Callable[[date | time], bool]:
    """Whether a day or a time fits all of the named fields, as APScheduler reads them."""
    given = [field for field in trigger.fields if field.name in names and str(field) != "*"]
    return lambda value: all(field.get_next_value(value) == field.get_value(value) for field in given)


def from_stock(trigger: CronTrigger) -> str:
    """The crontab text that means the same as `trigger`; the keyword form when there is none."""
    texts = {field.name: str(field) for field in trigger.fields}
    crontab = _as_crontab(trigger, texts)
    return crontab or " ".join(f"{name}={value}" for name, value in texts.items() if value != "*" or name == "second")


def _as_crontab(trigger: CronTrigger, texts: dict[str, str]) -> str | None:
    day, weekdays = texts["day"].replace("last", "L"), _crontab_weekdays(trigger)
    days = next(field for field in trigger.fields if field.name == "day").expressions
    positions = [term for term in days if isinstance(term, WeekdayPositionExpression)]
    if texts["year"] != "*" or texts["week"] != "*":
        return None
    if positions:
        if weekdays != "*" or len(positions) < len(days):
            return None
        day, weekdays = "*", ",".join(map(_crontab_position, positions))
    if weekdays != "*" and not day.startswith("*"):
        return None  # crontab would take either, APScheduler means both
    seconds = [] if texts["second"] == "0" else [texts["second"]]
    return " ".join([*seconds, texts["minute"], texts["hour"], day, texts["month"], weekdays])


def _crontab_position(term: WeekdayPositionExpression) -> str:
    weekday = (term.weekday + 1) % 7
    return f"{weekday}L" if term.option_num == 5 else f"{weekday}#{term.option_num + 1}"


def _crontab_weekdays(trigger: CronTrigger) -> str:
    numbers = sorted((weekday + 1) % 7 for weekday in _weekdays(trigger))
    if len(numbers) == 7:
        return "*"
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]}-{numbers[-1]}"
    return ",".join(map(str, numbers))


def _weekdays(trigger: CronTrigger) -> list[int]:
    """The weekdays that fit, as Python and APScheduler number them: 0 is Monday."""
    return [day.weekday() for day in WEEK if _fits(trigger, "day_of_week")(day)]


@lru_cache(maxsize=4096)
def words(text: str) -> str:
    """The expression for people: "At 02:00, every day". Raises InvalidTrigger."""
    expression = read(text)
    if "=" in text:
        return _keyword_words(_stock(text))
    second, minute, hour, day, month, weekday = plain(text).split()
    said = [_described(f"{second} {minute} {hour} * {month} *")]
    if day != "*":
        said.append(_days_words("0 0 {} * *", day))
    if weekday != "*":
        said.append(_days_words("0 0 * * {}", _listed(weekday)))
    if "*" not in (day, weekday):
        starred = "*" in (day[0], weekday[0])
        said[-1] = f"and {said[-1]}" if starred else f"or {said[-1].removeprefix('only ')}"
    if (day, month, weekday) == ("*", "*", "*") and expression.fixed:
        said.append("every day")
    return ", ".join(said)


def _listed(weekday: str) -> str:
    """Weekdays without steps, which do not tell a reader which days they name."""
    if "/" not in weekday or re.search("[L#]", weekday):
        return weekday
    fits = read(f"0 0 * * {weekday}").day_fits
    return ",".join(str(day.isoweekday()) for day in WEEK if fits(day))


def _described(text: str) -> str:
    return str(ExpressionDescriptor(text, _WORDS).get_description())


def _days_words(form: str, field: str) -> str:
    one_by_one = re.search("[L#]", field)  # lists of these are beyond the descriptor
    terms = field.split(",") if one_by_one else [field]
    return " and ".join(_described(form.format(term)).removeprefix("At 00:00, ") for term in terms)


def _keyword_words(trigger: CronTrigger) -> str:
    texts = {field.name: str(field) for field in trigger.fields}
    said = [_described(f"{texts['second']} {texts['minute']} {texts['hour']} * * *")]
    if texts["month"] != "*":
        fits = _fits(trigger, "month")
        months = [number for number in range(1, 13) if fits(date(2001, number, 1))]
        texts["month"] = ",".join(calendar.month_name[number] for number in months)
    named_days = re.search("[a-z]", texts["day"])
    for name, form in (
        ("year", "in {}"),
        ("month", "only in {}"),
        ("week", "in week {}"),
        ("day", "on the {} of the month" if named_days else "on day {} of the month"),
    ):
        if step := re.fullmatch(r"\*/(\d+)", texts[name]):
            said.append(f"every {step[1]} {name}s")
        elif texts[name] != "*":
            said.append(form.format(_spelt(texts[name])))
    if texts["day_of_week"] != "*":
        said.append("only on " + ", ".join(calendar.day_name[number] for number in _weekdays(trigger)))
    return ", ".join(said)


def _spelt(value: str) -> str:
    for short, name in zip(calendar.day_abbr, calendar.day_name, strict=True):
        value = re.sub(rf"\b{short.lower()}\b", name, value)
    return re.sub(r"last(?! )", "last day", value).replace("-", " to ").replace(",", ", ")
