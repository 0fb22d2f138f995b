"""audiobooks gaps: what is missing in series and of authors."""

from typing import Any

from django.db.models import QuerySet

from scheduling.management.composed import add_deed
from scheduling.management.telling import NOTHING, plural, put, put_json, table
from tasks.audiobooks.models import Gap, GapState

SHOWN = 100  # by default
OPEN = (GapState.MISSING, GapState.FOUND, GapState.QUEUED)


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "gaps", gaps, "list the works that are missing in series and of authors")
    parser.add_argument(
        "--state", choices=[str(each) for each in GapState], help="only those (default: all but owned and ignored)"
    )
    parser.add_argument("--limit", metavar="N", type=int, default=SHOWN, help=f"as many at most (default: {SHOWN})")


def gaps(given: dict[str, Any], out: Any) -> None:
    states = [given["state"]] if given["state"] else [*OPEN]
    limit = max(given["limit"], 0)
    rows: QuerySet[Gap] = Gap.objects.filter(state__in=states).select_related("series", "author")
    found = list(rows.order_by("series_id", "author_id", "position", "pk")[: limit + 1])
    if given["json"]:
        put_json(out, [_as_json(gap) for gap in found[:limit]])
        return
    told = table("SERIES OR AUTHOR", "NUMBER", "WORK", "STATE", wraps=["SERIES OR AUTHOR", "WORK"])
    for gap in found[:limit]:
        owner = gap.series or gap.author
        told.add_row(str(owner), gap.position or NOTHING, gap.title, GapState(gap.state).label.lower())
    more = f"The first {limit:,}; --limit shows more." if len(found) > limit else plural(len(found), "work")
    put(out, told, more) if found else put(out, "Nothing is missing, as far as anybody has looked.")


def _as_json(gap: Gap) -> dict[str, Any]:
    return {
        "id": gap.pk,
        "series": gap.series.name if gap.series else None,
        "author": gap.author.name if gap.author else None,
        "position": gap.position,
        "title": gap.title,
        "work": gap.work_key,
        "state": gap.state,
        "edition": gap.edition_id,
        "checked_at": gap.checked_at,
    }
