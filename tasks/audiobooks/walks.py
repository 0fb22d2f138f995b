"""Long pieces of work that go on where an attempt of the same run was cut short."""

from datetime import datetime

from tasks.audiobooks.models import Walk


def begin(name: str, run: str, now: datetime) -> Walk:
    """The walk of that name: where an earlier attempt of `run` has left it, or else at its beginning."""
    walk, _ = Walk.objects.get_or_create(pk=name)
    if not run or walk.run != run or walk.began_at is None:
        walk.run, walk.position, walk.began_at = run, 0, now
        walk.save(update_fields=["run", "position", "began_at"])
    return walk


def reach(walk: Walk, position: int) -> None:
    """All until there is done."""
    walk.position = position
    walk.save(update_fields=["position"])


def arrive(walk: Walk) -> None:
    """The walk has come to its end."""
    walk.run, walk.position, walk.ended_at = "", 0, walk.began_at
    walk.save(update_fields=["run", "position", "ended_at"])
