"""The page *Why?* of a job: when it will run next, what became of a moment, and what of the moments before."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib.admin.utils import quote, unquote
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ModelAdmin
from scheduling.admin.fields import TEXT
from scheduling.exceptions import InvalidTrigger
from scheduling.explain import FORMS, Answer, Teller, Tone, asked, brief, explain, outlook, teller
from scheduling.models import Execution, Job
from scheduling.triggers import FIRST_YEAR, LAST_YEAR

SHOWN = 40  # moments in the table
COLOURS = {Tone.GOOD: "green", Tone.OPEN: "blue", Tone.NOTABLE: "amber", Tone.BAD: "red"}
_RUN = re.compile(r"#(\d+)")


def page(admin: ModelAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """`?at=` asks about a moment, in the forms of `explain.asked`; `?until=` turns the table back to it."""
    job = admin.get_object(request, unquote(object_id))
    if job is None:
        raise Http404(f"There is no job {unquote(object_id)!r}.")
    now, wanted = timezone.now(), request.GET.get("at", "").strip()
    rows = list(_rows(request, job))
    tell = teller(job, now, request.user)
    request.current_app = admin.admin_site.name
    context = {
        **admin.admin_site.each_context(request),
        "title": f"Why? {job}",
        "opts": admin.opts,
        "original": job,
        "forms": FORMS,
        "input": TEXT,
        "wanted": wanted,
        "clock": job.timezone,
        "outlook": _shown(outlook(job, now, request.user)),
        **(_answer(job, wanted, tell) if wanted else {}),
        "moments": [_moment(job, row, tell) for row in rows[:SHOWN]],
        "older": about(job, until=rows[SHOWN].scheduled_for) if len(rows) > SHOWN else "",
    }
    return TemplateResponse(request, "admin/scheduling/why.html", context)


def about(job: Job, **query: datetime | None) -> str:
    """The address of the page, asked about a moment, which it names on the clock of the job."""
    tell = teller(job, timezone.now())
    told = {name: str(tell.local(moment)) for name, moment in query.items() if moment}
    return reverse("admin:scheduling_job_why", args=[quote(job.pk)], query=told)


def _answer(job: Job, wanted: str, tell: Teller) -> dict[str, Any]:
    try:
        moment, note = asked(wanted, job.timezone, tell.now)
    except (ValueError, InvalidTrigger) as error:
        return {"refused": str(error)}
    found = explain(job, moment, tell.now, tell.to).after([note] if note else [])
    return {"answer": _shown(found), "heading": tell.at(found.moment or moment)}


def _shown(answer: Answer) -> dict[str, Any]:
    ids = set(answer.executions)
    return {
        "verdict": answer.verdict,
        "colour": COLOURS[answer.tone],
        "sentences": [_linked(sentence, ids) for sentence in answer.sentences],
    }


def _linked(sentence: str, ids: set[int]) -> SafeString:
    """With each run of `ids` that it names as a link to its page."""
    parts = _RUN.split(sentence)  # text, id, text, id, …
    return format_html_join("", "{}", ((_part(text, number % 2 == 1, ids),) for number, text in enumerate(parts)))


def _part(text: str, is_run: bool, ids: set[int]) -> SafeString | str:
    if is_run and text.isascii() and int(text[:19]) in ids:
        return columns.link(reverse("admin:scheduling_execution_change", args=[text]), f"#{text}")
    return f"#{text}" if is_run else text


def _rows(request: HttpRequest, job: Job) -> Iterator[Execution]:
    """The latest moments on record, one more than are shown."""
    runs = Execution.objects.seen_by(request.user).light()
    rows = runs.filter(job=job.pk, scheduled_for__isnull=False).order_by("-scheduled_for")
    try:
        latest = parse_datetime(request.GET.get("until", ""))
    except ValueError:  # shaped like a moment, but of no day
        latest = None
    if latest and latest.tzinfo and FIRST_YEAR <= latest.year <= LAST_YEAR:
        rows = rows.filter(scheduled_for__lte=latest)
    yield from rows[: SHOWN + 1]


def _moment(job: Job, row: Execution, tell: Teller) -> dict[str, Any]:
    assert row.scheduled_for is not None
    more = f", and {row.missed_count:,} more" if row.missed_count else ""
    return {
        "moment": columns.link(about(job, at=row.scheduled_for), f"{tell.at(row.scheduled_for)}{more}"),
        "distance": columns.distance(row.scheduled_for, tell.now),
        "state": columns.state(row),
        "cause": row.get_cause_display(),
        "said": brief(row),
        "run": columns.link(columns.page(row), f"#{row.pk}"),
    }
