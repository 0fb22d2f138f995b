"""tickets status, cancel: how the pipeline stands, and its end."""

from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from rich.text import Text

from scheduling.management.caller import by
from scheduling.management.composed import add_deed
from scheduling.management.finding import REFUSED
from scheduling.management.telling import NOTHING, put, put_json, table
from scheduling.models import State
from tasks.tickets.on_demand import NothingRunning, cancel
from tasks.tickets.status import PipelineStanding, PipelineStatus, StageStatus, pipeline_status

NOT_WELL = 1
COLOURS = {
    PipelineStanding.IDLE: "dim",
    PipelineStanding.RUNNING: "blue",
    PipelineStanding.COMPLETED: "green",
    PipelineStanding.FAILED: "red",
}


def add_parsers(deeds: Any) -> None:
    codes = "Exit code 0: it runs, is idle, or has completed. 1: the last run failed."
    add_deed(deeds, "status", status, "show how the pipeline stands, stage by stage", codes)
    parser = add_deed(deeds, "cancel", stop, "stop the run that goes on, or withdraw the one that waits")
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; it goes into the history")


def status(given: dict[str, Any], out: Any) -> None:
    found = pipeline_status()
    if given["json"]:
        put_json(out, found.as_dict())
    else:
        put(out, *_told(found))
    if found.status is PipelineStanding.FAILED:
        raise SystemExit(NOT_WELL)


def stop(given: dict[str, Any], out: Any) -> None:
    try:
        run = cancel(by=by(), now=timezone.now(), reason=given["reason"])
    except NothingRunning as error:
        raise CommandError(str(error), returncode=REFUSED) from None
    is_over = run.state == State.CANCELLED
    if given["json"]:
        put_json(out, {"execution": run.pk, "status": "cancelled" if is_over else "stopping"})
    else:
        out.write(f"Run #{run.pk} {'is cancelled' if is_over else 'was told to stop'}.")


def _told(found: PipelineStatus) -> list[Any]:
    number = f" #{found.execution}" if found.execution else ""
    share = "" if found.progress is None or not found.is_running else f" {found.progress:.0%}"
    head = Text(f"{found.status}{number}{share}", COLOURS[found.status])
    if found.message:
        head.append(f"  {found.message}", "default")
    rows = table("STAGE", "STATE", "DONE", "ITEMS", "FAILED", "MESSAGE", wraps=["MESSAGE"], right=["ITEMS", "FAILED"])
    for each in found.stages:
        rows.add_row(*_row(each))
    return [head, rows] if found.stages else [head]


def _row(stage: StageStatus) -> tuple[str, ...]:
    share = NOTHING if stage.progress is None else f"{stage.progress:.0%}"
    return stage.name, stage.status, share, str(stage.processed), str(stage.failed), stage.message
