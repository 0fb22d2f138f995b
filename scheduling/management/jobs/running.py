"""jobs run: run a job now, and wait for its end if asked to."""

import json
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
from scheduling.models import Job


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "run", act, "run a job now, be it paused or not", following.CODES)
    parser.add_argument("job", help="the id of the job")
    parser.add_argument("--arguments", metavar="JSON", help="instead of the job's own, as '{\"limit\": 5}'")
    parser.add_argument(
        "--arg",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one argument over the others; a value that is no JSON is a text",
    )
    following.add_arguments(parser)


def act(given: dict[str, Any], out: Any) -> None:
    if given["timeout"] is not None and not given["wait"]:
        raise CommandError("--timeout says how long to --wait; give both.", returncode=REFUSED)
    most = None if given["timeout"] is None else read_span(given["timeout"]).total_seconds()
    job = find_job(given["job"])
    run = store.enqueue(job, now=timezone.now(), by=by(), arguments=_arguments(job, given))
    if given["wait"]:
        run, code = following.follow(run, most)
        following.tell(run, code, out, json=given["json"])
    elif given["json"]:
        put_json(out, as_json(run))
    else:
        out.write(f"{job.pk}: queued as run #{run.pk}. Follow it with: manage.py executions logs {run.pk} --follow")


def _arguments(job: Job, given: dict[str, Any]) -> dict[str, Any] | None:
    """None for the job's own. Raises CommandError."""
    if given["arguments"] is None and not given["arg"]:
        return None
    whole: dict[str, Any] = dict(job.arguments) if given["arguments"] is None else _object(given["arguments"])
    for pair in given["arg"]:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise CommandError(f"{pair!r} is no argument; write it as name=value.", returncode=REFUSED)
        whole[name] = _value(value)
    return whole


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise CommandError(f"--arguments is no JSON: {error}", returncode=REFUSED) from None
    if not isinstance(found, dict):
        raise CommandError("--arguments takes names and values, as '{\"limit\": 5}'.", returncode=REFUSED)
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
