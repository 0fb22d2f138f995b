"""What a person names on the command line, found; or told apart from what there is."""

import difflib
import re
from argparse import ArgumentTypeError
from datetime import date, datetime, time, timedelta

from django.core.management.base import CommandError

from scheduling import spans
from scheduling.clocks import zone
from scheduling.exceptions import InvalidTrigger
from scheduling.explain import asked
from scheduling.models import Change, Execution, Job
from scheduling.triggers import FIRST_YEAR, LAST_YEAR

REFUSED = 2  # exit code: what was asked for makes no sense
LONGEST_NUMBER = 18  # digits of an id that every database holds
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def find_job(wanted: str) -> Job:
    """Raises CommandError, with who deleted it, or with those that may have been meant."""
    job = Job.objects.filter(pk=wanted).first()
    if job is not None:
        return job
    gone = Change.objects.filter(job=wanted, action="deleted").order_by("-id").first()
    if gone is not None:
        told = f"The job {wanted} was deleted by {gone.by or 'the system'} at {gone.at:%Y-%m-%d %H:%M:%S} UTC."
        raise CommandError(f"{told} {gone.reason}".strip(), returncode=REFUSED)
    near = difflib.get_close_matches(wanted, Job.objects.values_list("pk", flat=True), n=3)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    raise CommandError(f"There is no job {wanted!r}.{meant}", returncode=REFUSED)


def find_run(number: int) -> Execution:
    """Raises CommandError, with where to look."""
    run = Execution.objects.filter(pk=number).first()
    if run is None:
        told = f"There is no run #{number}, or its time in the history is over; see: manage.py executions list"
        raise CommandError(told, returncode=REFUSED)
    return run


def read_number(text: str) -> int:
    """12 or #12, for argparse. Raises ArgumentTypeError."""
    number = text.removeprefix("#")
    if not number.isdecimal() or len(number) > LONGEST_NUMBER:
        raise ArgumentTypeError(f"{text!r} is no number of a run; write it as 12")
    return int(number)


def read_span(text: str) -> timedelta:
    """ "90 s", "2h". Raises CommandError, with what to write."""
    try:
        return spans.read(text)
    except ValueError as error:
        raise CommandError(str(error), returncode=REFUSED) from None


def read_moment(text: str, timezone: str, now: datetime) -> datetime:
    """ "02:00", "yesterday 02:00", "2026-11-01", "2026-11-01 02:00" or ISO 8601, on the clock of `timezone`.

    Raises CommandError, with what to write.
    """
    wanted = f"{text.strip()} 00:00" if _DAY.fullmatch(text.strip()) else text
    try:
        return asked(wanted, timezone, now).moment
    except (ValueError, InvalidTrigger) as error:
        raise CommandError(str(error), returncode=REFUSED) from None


def read_range(job: Job, first: str, last: str | None, now: datetime) -> tuple[datetime, datetime]:
    """The moments that the texts name on the clock of `job`; a day alone is the whole of it, as far as it has passed.

    Raises CommandError.
    """
    begin, _ = _read(job, first)
    if last is None:
        return begin, now
    end, is_day = _read(job, last)
    if not is_day:
        return begin, end
    whole = _placed(job, (end + timedelta(days=1)).replace(tzinfo=None)) - timedelta(microseconds=1)
    return begin, max(min(whole, now), end)


def _read(job: Job, text: str) -> tuple[datetime, bool]:
    """The moment, and whether only a day was given."""
    try:
        return _placed(job, datetime.combine(date.fromisoformat(text), time.min)), True
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        said = (
            f"{text!r} is no moment; write it as 2026-11-01, as '2026-11-01 02:00', or with a zone: 2026-11-01T02:00Z."
        )
        raise CommandError(said, returncode=REFUSED) from None
    return found if found.tzinfo else _placed(job, found), False


def _placed(job: Job, wall: datetime) -> datetime:
    if not FIRST_YEAR <= wall.year <= LAST_YEAR:
        raise CommandError(f"The year {wall.year} is out of reach: {FIRST_YEAR} to {LAST_YEAR}.", returncode=REFUSED)
    return wall.replace(tzinfo=zone(job.timezone))
