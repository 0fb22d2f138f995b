"""`jobs export` and `jobs import`: schedules as text that is reviewed and kept in git."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from rich.text import Text

from scheduling.management.caller import by
from scheduling.management.composed import add_deed
from scheduling.management.finding import REFUSED, find_job
from scheduling.management.telling import plural, put, put_json
from scheduling.models import Calendar, Job
from scheduling.transfer import apply as applying
from scheduling.transfer.diff import ABSENT, CHANGED, CREATED, DEEDS, KEPT, REMOVED, UNCHANGED, Plan, Step, redacted
from scheduling.transfer.documents import calendar_document, job_document
from scheduling.transfer.reading import SECRET_TAG, Refused, read
from scheduling.transfer.writing import document, dump

OWNER_ONLY = 0o600  # a file that may hold secrets
LOOKS = {
    CREATED: ("+", "green"),
    CHANGED: ("~", "yellow"),
    REMOVED: ("-", "red"),
    KEPT: ("=", "dim"),
}
IMPORT_CODES = (
    "Exit code 0: done, or nothing to do. 1: --dry-run would change something. "
    "2: refused; every problem is named with its line, and nothing was done."
)


def add_parsers(deeds: Any) -> None:
    _ask_export(add_deed(deeds, "export", export_jobs, "write jobs, and the calendars that they name, as YAML"))
    _ask_import(add_deed(deeds, "import", import_jobs, "make the jobs what a YAML file says", IMPORT_CODES))


def _ask_export(parser: ArgumentParser) -> None:
    parser.add_argument("jobs", nargs="*", metavar="JOB", help="the id of a job (all)")
    parser.add_argument("--tag", action="append", default=[], help="only jobs with this tag; may be repeated")
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there")
    parser.add_argument(
        "--with-secrets",
        action="store_true",
        help=f"also the values of arguments that look secret, which are else marked {SECRET_TAG}: an import leaves "
        "those as they are. Keep such a file out of git",
    )


def _ask_import(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what `jobs export` wrote; - reads the standard input")
    parser.add_argument("--dry-run", action="store_true", help="only show what would change")
    parser.add_argument("--prune", action="store_true", help="remove the jobs that it does not name")
    parser.add_argument("--paused", action="store_true", help="the jobs that it creates stand still until resumed")


def export_jobs(given: dict[str, Any], out: Any) -> None:
    jobs = [find_job(wanted) for wanted in given["jobs"]] if given["jobs"] else list(Job.objects.all())
    chosen = [job for job in jobs if all(tag in job.tags for tag in given["tag"])]
    kept = {each for job in chosen for each in job.calendars}
    calendars = Calendar.objects.filter(pk__in=kept).order_by("pk").prefetch_related("windows")
    told = [job_document(job, secrets=given["with_secrets"]) for job in chosen]
    days = [calendar_document(each, each.windows.all()) for each in calendars]
    hidden = sum(SECRET_TAG in dump(each) for each in told)
    if given["json"]:
        put_json(out, {"version": 1, "calendars": days, "jobs": [_plain(each) for each in told]})
    else:
        _put_document(document(told, days), given["output"], out, private=given["with_secrets"])
    if hidden:
        left = (
            f"Left out of {plural(hidden, 'job')}: what looks secret, marked {SECRET_TAG}. An import on this database"
        )
        sys.stderr.write(f"{left} keeps it; --with-secrets writes it.\n")


def import_jobs(given: dict[str, Any], out: Any) -> None:
    try:
        text = read(read_file(given["file"]))
        if given["dry_run"]:
            plan = applying.plan(text, prune=given["prune"])
        else:
            reason = f"import of {given['file']}"
            paused: applying.Paused = (lambda _: reason) if given["paused"] else applying.never
            plan = applying.apply(text, by=by(), now=timezone.now(), reason=reason, prune=given["prune"], paused=paused)
    except Refused as refused:
        refuse(refused, out, as_json=given["json"])
    show(plan, out, as_json=given["json"], applied=not given["dry_run"])
    if given["dry_run"] and plan.changes_something:
        sys.exit(1)


def read_file(name: str) -> str:
    """The text of a file, or of the standard input if its name is -. Raises CommandError."""
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{name} cannot be read: {error}.", returncode=REFUSED) from None


def refuse(refused: Refused, out: Any, *, as_json: bool) -> None:
    """Raises CommandError with every problem."""
    if as_json:
        put_json(
            out, {"problems": [{"line": p.line, "about": p.about, "message": p.message} for p in refused.problems]}
        )
    count = plural(len(refused.problems), "problem")
    raise CommandError(f"{refused}\n{count}; nothing was changed.", returncode=REFUSED) from None


def show(plan: Plan, out: Any, *, as_json: bool, applied: bool) -> None:
    """What a document does or would do: what is new as a whole, what changes value by value, the rest as a count."""
    if as_json:
        put_json(out, {"applied": applied, "calendars": _counted(plan.calendars), "jobs": _counted(plan.jobs)})
        return
    lines = [line for step in (*plan.calendars, *plan.jobs) for line in _told(step)]
    counts = [f"{plan.count(deed)} {deed}" for deed in DEEDS if plan.count(deed)] or ["No jobs"]
    end = "Done: " if applied else "It would be: "
    put(out, *lines, Text(f"{end if plan.changes_something else 'Nothing to change: '}{', '.join(counts)}.", "bold"))


def _told(step: Step) -> Iterator[Text]:
    if step.deed == UNCHANGED:
        return
    sign, colour = LOOKS[step.deed]
    kind = "job" if isinstance(step.row, Job) else "calendar"
    yield Text(f"{sign} {kind} {step.id}: {step.deed}{f'. {step.reason}' if step.reason else ''}", colour)
    if step.deed == CREATED:
        for line in dump(_document(step)).splitlines()[1:]:
            yield Text(f"  + {line}", "green")
    for path, (old, new) in step.fields.items() if step.deed == CHANGED else ():
        yield Text.assemble(f"    {path}: ", (_shown(old), "red"), " → ", (_shown(new), "green"))


def _document(step: Step) -> dict[str, Any]:
    if isinstance(step.row, Job):
        return redacted(job_document(step.row, secrets=False))
    return calendar_document(step.row, step.windows)


def _shown(value: Any) -> str:
    """On one line, as JSON if it is no plain text."""
    if value is ABSENT:
        return "(default)"
    return repr(value) if not isinstance(value, str) or "\n" in value or not value else value


def _counted(steps: tuple[Step, ...]) -> dict[str, Any]:
    told: dict[str, list[Any]] = {deed: [] for deed in DEEDS}
    for step in steps:
        fields = {path: [_plain(old), _plain(new)] for path, (old, new) in step.fields.items()}
        told[step.deed].append({"id": step.id, "fields": fields} if step.deed in (CREATED, CHANGED) else step.id)
    return told


def _plain(value: Any) -> Any:
    """A value for JSON, which has no marks."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else None if value is ABSENT else repr(value)


def _put_document(text: str, name: str | None, out: Any, *, private: bool) -> None:
    if name is None:
        out.write(text, ending="")
        return
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(name, flags, OWNER_ONLY if private else 0o666), "w") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"{name} cannot be written: {error}.", returncode=REFUSED) from None
