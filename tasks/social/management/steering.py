"""social sync, schedule, unschedule: sync now, and the schedules of single businesses."""

from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from scheduling.management.caller import by
from scheduling.management.composed import add_deed
from scheduling.management.executions import following
from scheduling.management.executions.rows import as_json
from scheduling.management.finding import REFUSED, read_span
from scheduling.management.telling import put_json
from scheduling.models import Why
from tasks.exceptions import NotConfigured
from tasks.social import on_demand
from tasks.social.management.finding import add_business, find_business
from tasks.social.schedule import DEFAULT_HOURS, MOST_HOURS, give, plan, take


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "sync", sync, "sync all businesses now, or one of them", following.CODES)
    add_business(parser, "--business", help="only this one: its number, or its name")
    following.add_arguments(parser)
    parser = add_deed(deeds, "schedule", schedule, "give a business a schedule of its own, or change it")
    add_business(parser, "business")
    when = parser.add_mutually_exclusive_group()
    hours = f"from one sync to the next, from 1 to {MOST_HOURS} ({DEFAULT_HOURS})"
    when.add_argument("--hours", metavar="N", type=float, help=hours)
    when.add_argument("--cron", metavar="EXPR", help="when, as in a crontab: '0 */6 * * *'")
    parser.add_argument("--timezone", metavar="ZONE", help="whose clock --cron goes by (UTC)")
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; it goes into the history")
    parser = add_deed(deeds, "unschedule", unschedule, "remove the schedule of a business")
    add_business(parser, "business")
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; it goes into the history")


def sync(given: dict[str, Any], out: Any) -> None:
    if given["timeout"] is not None and not given["wait"]:
        raise CommandError("--timeout says how long to --wait; give both.", returncode=REFUSED)
    most = None if given["timeout"] is None else read_span(given["timeout"]).total_seconds()
    asked = _asked(given["business"])
    if given["wait"]:
        run, code = following.follow(asked.run, most)
        following.tell(run, code, out, json=given["json"])
    elif given["json"]:
        put_json(out, as_json(asked.run))
    else:
        out.write(f"{asked.words} See how it stands: manage.py social status")


def schedule(given: dict[str, Any], out: Any) -> None:
    business = find_business(given["business"])
    wanted = plan(given["hours"], given["cron"], given["timezone"])
    job, is_new = give(business, wanted, by=by(), now=timezone.now(), reason=given["reason"])
    if given["json"]:
        put_json(out, {"job": job.pk, "schedule": job.words, "next_run_time": job.next_run_time, "is_new": is_new})
        return
    following_run = f" Next: {job.next_run_time:%Y-%m-%d %H:%M} UTC." if job.next_run_time else " It is paused."
    out.write(f"{business}: {job.words} ({'new' if is_new else 'changed'} job {job.pk}).{following_run}")


def unschedule(given: dict[str, Any], out: Any) -> None:
    business = find_business(given["business"])
    if not take(business, by=by(), now=timezone.now(), reason=given["reason"]):
        raise CommandError(f"{business} has no schedule of its own.", returncode=REFUSED)
    if given["json"]:
        put_json(out, {"business": business.pk, "own_schedule": None})
    else:
        out.write(f"{business} has no schedule of its own any more.")


def _asked(business: str | None) -> on_demand.Asked:
    """Raises CommandError."""
    told: dict[str, Any] = {"by": by(), "now": timezone.now(), "why": Why.RUN_NOW}
    try:
        if business is None:
            return on_demand.sync_all(**told)
        return on_demand.sync_one(find_business(business), **told)
    except (NotConfigured, on_demand.NotActive) as error:
        raise CommandError(str(error), returncode=REFUSED) from None
