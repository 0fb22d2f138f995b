"""tickets sync, analyze, pipeline: queue a run, and wait for its end if asked to."""

from collections.abc import Callable
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
from tasks.tickets.limits import MOST_DAYS, MOST_TICKETS
from tasks.tickets.on_demand import AlreadyRunning, start
from tasks.tickets.stages import STAGES

DEEDS = {
    "sync": (("sync",), "fetch what is new at Zendesk"),
    "analyze": (("analyze",), "look for issues in the tickets that were fetched"),
    "pipeline": (STAGES, "run all stages: sync, analyze, cluster, trends"),
}
OPTIONS = (
    ("sync", "backfill_days", "N", MOST_DAYS, "fetch again what changed in the last N days"),
    ("analyze", "batch_size", "N", MOST_TICKETS, "analyse N tickets at most"),
)


def add_parsers(deeds: Any) -> None:
    for name, (stages, help) in DEEDS.items():
        parser = add_deed(deeds, name, _act(stages), help, following.CODES)
        for stage, option, metavar, most, words in OPTIONS:
            if stage in stages:
                flag = f"--{option.replace('_', '-')}"
                parser.add_argument(flag, metavar=metavar, type=int, help=f"{words} (1 to {most})")
        following.add_arguments(parser)


def _act(stages: tuple[str, ...]) -> Callable[[dict[str, Any], Any], None]:
    def act(given: dict[str, Any], out: Any) -> None:
        if given["timeout"] is not None and not given["wait"]:
            raise CommandError("--timeout says how long to --wait; give both.", returncode=REFUSED)
        most = None if given["timeout"] is None else read_span(given["timeout"]).total_seconds()
        limits = {option: given[option] for stage, option, *_ in OPTIONS if stage in stages}
        _check(limits)
        try:
            run = start(stages, now=timezone.now(), by=by(), why=Why.RUN_NOW, **limits)
        except (AlreadyRunning, NotConfigured) as error:
            raise CommandError(str(error), returncode=REFUSED) from None
        if given["wait"]:
            run, code = following.follow(run, most)
            following.tell(run, code, out, json=given["json"])
        elif given["json"]:
            put_json(out, as_json(run))
        else:
            out.write(f"Queued as run #{run.pk}: {', '.join(stages)}. See how it stands: manage.py tickets status")

    return act


def _check(limits: dict[str, int | None]) -> None:
    """Raises CommandError."""
    for _, option, _, most, _ in OPTIONS:
        value = limits.get(option)
        if value is not None and not 1 <= value <= most:
            raise CommandError(f"--{option.replace('_', '-')} is from 1 to {most}.", returncode=REFUSED)
