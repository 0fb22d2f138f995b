"""Pages of long lists by cursor: the next page begins where this one ended, whatever came in meanwhile."""

from typing import Annotated, Any

from django.db.models import Model, QuerySet
from ninja import Query, Schema
from pydantic import Field

LIMIT = 50
MOST = 500


class Cursor(Schema):
    """Which part of a list to give."""

    limit: int = Field(LIMIT, ge=1, le=MOST, description="How many rows at most.")
    cursor: int | None = Field(
        None, ge=1, le=2**63 - 1, description="`next` of the page before; without it, the newest rows."
    )


Page = Annotated[Cursor, Query()]


def cut[M: Model](rows: QuerySet[M], wanted: Cursor) -> dict[str, Any]:
    """The wanted page of `rows`, newest id first: its `items`, and the cursor `next`, None at the end."""
    below = rows.order_by("-id") if wanted.cursor is None else rows.order_by("-id").filter(id__lt=wanted.cursor)
    items = list(below[: wanted.limit + 1])
    more = len(items) > wanted.limit
    items = items[: wanted.limit]
    return {"items": items, "next": items[-1].pk if more else None}
