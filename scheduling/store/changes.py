"""What was done to a job, written down in the transaction that does it."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from scheduling.models import LONGEST_REASON, Change, Job
from scheduling.redact import redact_json

ENGINE = ("anchored_at", "next_run_time", "fired_until", "revision", "created_at", "updated_at", "code_definition")

WHOLE = 1e16  # from there on Python writes floats with an exponent, which PostgreSQL gives back as whole numbers


def record(
    job_id: str | None,
    action: str,
    *,
    subject: str = "",
    by: str,
    now: datetime,
    reason: str = "",
    fields: dict[str, Any] | None = None,
) -> None:
    """Who did what to a job, or to the `subject`, when and why; `fields` has the old and the new value of each."""
    Change.objects.create(
        job_id=job_id,
        subject=subject,
        action=action,
        by=by,
        at=now,
        reason=reason[:LONGEST_REASON],
        fields=fields or {},
    )


def difference(stored: Job | None, job: Job | None, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Old and new values, as JSON holds them; None stands for a job before its creation or after its deletion.

    Without `names`, all columns that people decide.
    """
    chosen = names or [field.name for field in Job._meta.local_fields if field.name not in ENGINE]
    pairs = {name: [_value(stored, name), _value(job, name)] for name in chosen}
    told = {name: pair for name, pair in pairs.items() if names or any(pair)}
    return redact_json(json.loads(json.dumps(told, cls=DjangoJSONEncoder)))  # type: ignore[no-any-return]


def alike(one: Any, other: Any) -> bool:
    """Whether two values of a column are the same, also to JSON: there 1, 1.0 and true are three values."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, bool) != isinstance(other, bool) or one != other:
        return False
    return isinstance(one, float) == isinstance(other, float) or abs(one) >= WHOLE


def _value(job: Job | None, name: str) -> Any:
    return None if job is None else getattr(job, name)
