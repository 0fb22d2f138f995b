"""audiobooks run: queue a run of one of the library's jobs, and wait for its end if asked to."""

from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from scheduling import store
from scheduling.management.caller import by
from scheduling.management.composed import add_deed
from scheduling.management.executions import following
from scheduling.management.executions.rows import as_json
from scheduling.management.finding import REFUSED, find_job, read_span
from scheduling.management.telling import put_json
from tasks.audiobooks.management.standing import OF_LIBRARY, jobs


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "run", run, "run a job of the library now, as mam_scraping", following.CODES)
    parser.add_argument("job", metavar="JOB", help="its id; manage.py audiobooks status lists them")
    following.add_arguments(parser)


def run(given: dict[str, Any], out: Any) -> None:
    if given["timeout"] is not None and not given["wait"]:
        raise CommandError("--timeout says how long to --wait; give both.", returncode=REFUSED)
    most = None if given["timeout"] is None else read_span(given["timeout"]).total_seconds()
    job = find_job(given["job"])
    if not job.task.startswith(f"{OF_LIBRARY}."):
        known = ", ".join(each.pk for each in jobs())
        raise CommandError(f"{job.pk} is no job of the library. Those are: {known}.", returncode=REFUSED)
    if job.parked_reason:
        raise CommandError(f"The job {job.pk} cannot run: {job.parked_reason}", returncode=REFUSED)
    queued = store.enqueue(job, now=timezone.now(), by=by())
    if given["wait"]:
        queued, code = following.follow(queued, most)
        following.tell(queued, code, out, json=given["json"])
    elif given["json"]:
        put_json(out, as_json(queued))
    else:
        out.write(f"{job.pk}: queued as run #{queued.pk}. Follow it: manage.py executions logs {queued.pk} --follow")
