"""Pages of long lists by cursor: the next page begins where this one ended, whatever came in meanwhile."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.db.models import Max, Model, Q, QuerySet
from ninja import Query, Schema
from pydantic import Field

from scheduling.api.problems import Problem
from scheduling.api.shapes import BIGGEST, storable

LIMIT = 50
MOST = 500
REACH = 200_000  # rows that one page looks through where no index leads to the wanted ones
BETWEEN = "~"  # the moment and the id in a cursor


class Cursor(Schema):
    """Which part of a list to give."""

    limit: int = Field(default=LIMIT, ge=1, le=MOST, description="How many rows at most.")
    cursor: int | None = Field(
        default=None, ge=1, le=BIGGEST, description="`next` of the page before; without it, the newest rows."
    )


class Bookmark(Schema):
    """The same, of a list that does not always go by id."""

    limit: int = Field(default=LIMIT, ge=1, le=MOST, description="How many rows at most.")
    cursor: str | None = Field(
        default=None,
        max_length=100,
        description="`next` of the page before, as it was given; without it, the newest rows.",
    )


Page = Annotated[Cursor, Query()]


def cut[M: Model](rows: QuerySet[M], wanted: Cursor) -> dict[str, Any]:
    """The wanted page of `rows`, newest id first: its `items`, and the cursor `next`, None at the end."""
    items = list(_below(rows, wanted)[: wanted.limit + 1])
    more = len(items) > wanted.limit
    items = items[: wanted.limit]
    return {"items": items, "next": items[-1].pk if more else None}


def cut_merged[M: Model](rows: QuerySet[M], parts: Iterable[Q], wanted: Cursor) -> dict[str, Any]:
    """The same of several parts of `rows`, each of which an index gives in order, but not all of them together."""
    few = [_below(rows.filter(part), wanted).values_list("pk", flat=True)[: wanted.limit + 1] for part in parts]
    ids = sorted({pk for part in few for pk in part}, reverse=True)
    return cut(rows.filter(pk__in=ids[: wanted.limit + 1]), wanted)


def cut_within[M: Model](rows: QuerySet[M], wanted: Cursor) -> dict[str, Any]:
    """The same where no index leads to `rows`: a page looks through REACH ids at most.

    It may hold less than was asked for, even nothing, while `next` leads on to what has not been looked at.
    """
    table = rows.model._default_manager
    top = wanted.cursor or (table.aggregate(top=Max("id"))["top"] or 0) + 1
    bottom = top - REACH
    found = cut(rows.filter(id__lt=top, id__gte=bottom), wanted)
    if found["next"] is None and table.filter(id__lt=bottom).exists():
        found["next"] = bottom
    return found


def cut_by[M: Model](rows: QuerySet[M], column: str, wanted: Bookmark) -> dict[str, Any]:
    """The wanted page of `rows` by a moment, the latest first, then by id; `next` is text."""
    rows = rows.filter(**{f"{column}__isnull": False}).order_by(f"-{column}", "-pk")
    if wanted.cursor is not None:
        moment, pk = _marked(wanted.cursor, rows.model)
        same = Q(**{column: moment, "pk__lt": pk})
        rows = rows.filter(Q(**{f"{column}__lt": moment}) | same, **{f"{column}__lte": moment})
    items = list(rows[: wanted.limit + 1])
    more = len(items) > wanted.limit
    items = items[: wanted.limit]
    return {"items": items, "next": _mark(items[-1], column) if more else None}


def numbered(wanted: Bookmark) -> Cursor:
    """`wanted` of a list that goes by id. Raises Problem."""
    text = wanted.cursor
    if text is None:
        return Cursor(limit=wanted.limit)
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= BIGGEST):
        raise _no_cursor(text)
    return Cursor(limit=wanted.limit, cursor=int(text))


def _below[M: Model](rows: QuerySet[M], wanted: Cursor) -> QuerySet[M]:
    return rows.order_by("-id") if wanted.cursor is None else rows.order_by("-id").filter(id__lt=wanted.cursor)


def _mark(row: Model, column: str) -> str:
    moment: datetime = getattr(row, column)
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}{BETWEEN}{row.pk}"


def _marked(text: str, model: type[Model]) -> tuple[datetime, Any]:
    told, _, pk = text.partition(BETWEEN)
    try:
        moment = datetime.fromisoformat(told).replace(tzinfo=UTC)
        found = model._meta.pk.to_python(storable(pk))
    except (ValueError, ValidationError):
        raise _no_cursor(text) from None
    if isinstance(found, int) and not 0 < found <= BIGGEST:
        raise _no_cursor(text)
    return moment, found


def _no_cursor(text: str) -> Problem:
    detail = f"{text!r} is no place in this list; send `next` of the page before, or none."
    return Problem(422, "This cursor leads nowhere.", detail, kind="invalid-request", errors=[("cursor", detail)])
