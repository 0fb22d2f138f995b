"""What calendars say against the next moments of jobs, for the list of jobs and the page of one."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling import calendars
from scheduling.admin import columns
from scheduling.calendars import Calendars
from scheduling.exceptions import SchedulingError
from scheduling.models import Job


def mark(jobs: Iterable[Any]) -> None:
    """Give each job `hint`: that its next moment will be skipped, or nothing. One look for all jobs."""
    listed = list(jobs)
    loaded = calendars.load({each for job in listed for each in job.calendars})
    for job in listed:
        job.hint = hint(loaded, job.calendars, job.next_run_time) if job.next_run_time else ""


def hint(loaded: Calendars, ids: list[str], moment: datetime) -> SafeString | str:
    """That `moment` will be skipped, in short; the whole sentence on a mouse-over."""
    found = loaded.found(ids, moment)
    if found is None:
        return ""
    said = loaded.excludes(ids, moment)
    return format_html('<span class="rota-shift" title="Skipped: {}.">skipped: {}</span>', said, found[1].name)


def told(job: Job, now: datetime) -> SafeString | str:
    """For the page of `job`: why its next moment is skipped, and when it runs instead."""
    if not job.next_run_time:
        return ""
    loaded = calendars.load(job.calendars)
    said = loaded.excludes(job.calendars, job.next_run_time)
    if not said:
        return ""
    try:
        first = loaded.first_allowed(job.schedule, job.calendars, job.next_run_time)
    except SchedulingError:
        first = None
    instead = columns.moment(first, now, empty="none that is near")
    return format_html(
        '<div class="rota-status-runs"><span class="rota-shift">Will be skipped: {}.</span> First run: {}</div>',
        said,
        instead,
    )
