"""backfill stop: no further run of a backfill starts."""

from typing import Any

from django.utils import timezone

from scheduling import store
from scheduling.management.backfills.listing import find_backfill
from scheduling.management.caller import by
from scheduling.management.composed import add_deed
from scheduling.management.finding import read_number
from scheduling.management.pausing import ask_reason
from scheduling.management.telling import put_json


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "stop", stop, "let no further run of a backfill start; what runs may end")
    parser.add_argument("number", type=read_number, metavar="ID", help="the number of a backfill")
    ask_reason(parser)


def stop(given: dict[str, Any], out: Any) -> None:
    backfill = find_backfill(given["number"])
    done = store.stop_backfill(backfill, by=by(), now=timezone.now(), reason=given["reason"])
    if given["json"]:
        put_json(out, {"backfill": backfill.pk, "job": backfill.job_id, "state": backfill.state, "changed": done})
    else:
        out.write(f"Backfill {backfill.pk} {'is stopped; what runs may end' if done else 'was not going'}.")
