"""The attempts that a run is one of."""

from django.db.models import Q

from scheduling.models import Execution, ExecutionQuerySet


def attempts(run: Execution) -> list[Execution]:
    """All of them in their order; empty while `run` is the only one."""
    found = list(_all(run).light().order_by("attempt", "id"))
    return found if len(found) > 1 else []


def last_attempt(run: Execution) -> Execution:
    """The latest of them, as it stands now."""
    return _all(run).order_by("-attempt", "-id")[0]


def next_attempt(run: Execution) -> Execution | None:
    """The one that follows `run`, if there is one yet."""
    return _all(run).filter(attempt__gt=run.attempt).order_by("attempt").first()


def _all(run: Execution) -> ExecutionQuerySet:
    root = run.root_id or run.pk
    return Execution.objects.filter(Q(pk=root) | Q(root=root))
