"""Which records somebody sees: those of runs of his tenants; a record without a run is the installation's own."""

from django.db.models import QuerySet

from scheduling.tenants import Person, tenants_of
from tasks.models import TaskRecord


def seen_by(user: Person, rows: QuerySet[TaskRecord]) -> QuerySet[TaskRecord]:
    """Those of `rows` that `user` may see, as far as tenants go; permissions are another matter."""
    tenants = tenants_of(user)
    return rows if tenants is None else rows.filter(execution__tenant__in=tenants)
