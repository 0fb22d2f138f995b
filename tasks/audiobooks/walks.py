"""Long pieces of work that go on where an attempt was cut short, and that keep what has failed on the way."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Model, Q, QuerySet

from tasks.audiobooks.models import Walk

MOST_LEFT = 500  # items that are kept to be tried again


def begin(name: str, run: str, now: datetime, *, goes_round: bool) -> Walk:
    """The walk of that name, where an earlier attempt of `run` has left it.

    Another run goes on there as well, unless the walk had arrived. If it `goes_round`, it passes all rows from there
    to the end and on from the beginning; else it is still the old walk through a list, which began when it began.
    """
    walk, _ = Walk.objects.get_or_create(pk=name)
    if run and walk.run == run and walk.began_at:
        return walk
    if not walk.run or walk.ended_at == walk.began_at:
        walk.position, walk.start, walk.has_turned, walk.began_at = 0, 0, False, now
    elif goes_round:
        walk.start, walk.has_turned, walk.began_at = walk.position, False, now
    if goes_round:
        walk.left = []
    walk.run = run or name  # asked for outside any run, it can be cut short as well
    walk.save()
    return walk


def ahead[T: Model](walk: Walk, rows: QuerySet[T]) -> QuerySet[T]:
    """The rows that it has not passed."""
    if walk.has_turned:
        return rows.filter(pk__gt=walk.position, pk__lte=walk.start)
    return rows.filter(Q(pk__gt=walk.position) | Q(pk__lte=walk.start))


def batches[T: Model](walk: Walk, rows: QuerySet[T], size: int) -> Iterator[list[T]]:
    """The rows that it has not passed, in its order, however many there are."""
    first = [] if walk.has_turned else [rows.filter(pk__gt=max(walk.position, walk.start))]
    second = rows.filter(pk__gt=walk.position if walk.has_turned else 0, pk__lte=walk.start)
    for leg in (*first, *([second] if walk.start else [])):
        position = 0
        while batch := list(leg.filter(pk__gt=position).order_by("pk")[:size]):
            yield batch
            position = batch[-1].pk


def reach(walk: Walk, position: int) -> None:
    """All until there is done."""
    walk.position, walk.has_turned = position, position <= walk.start
    walk.save(update_fields=["position", "has_turned"])


def step_back(walk: Walk, row: int) -> None:
    """Have the next attempt begin with that row, if the walk has passed it."""
    is_behind = row <= walk.start
    if (is_behind, row) <= (walk.has_turned, walk.position):
        walk.position, walk.has_turned = row - 1, is_behind
        walk.save(update_fields=["position", "has_turned"])


def leave(walk: Walk, item: int | str) -> bool:
    """Keep what has failed, to be tried again; False if no more can be kept."""
    if item not in walk.left:
        if len(walk.left) >= MOST_LEFT:
            return False
        walk.left = [*walk.left, item]
        walk.save(update_fields=["left"])
    return True


def settle(walk: Walk, item: int | str) -> None:
    """It has been done, or is not there any more."""
    if item in walk.left:
        walk.left = [each for each in walk.left if each != item]
        walk.save(update_fields=["left"])


def arrive(walk: Walk) -> None:
    """The walk has come to its end. While something is left of it, its run comes back to that alone."""
    walk.ended_at = walk.began_at
    if not walk.left:
        walk.run, walk.position, walk.start, walk.has_turned = "", 0, 0, False
    walk.save(update_fields=["run", "position", "start", "has_turned", "ended_at"])
