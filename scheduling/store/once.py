"""once: a run that a program asks for with a key is queued once, however often the request arrives."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction

from scheduling.exceptions import KeyReused
from scheduling.models import Execution, IdempotencyKey
from scheduling.store.batch import contested

KEPT = timedelta(days=1)  # then a key counts as new


class Once(NamedTuple):
    """The run, and whether an earlier request with the same key has queued it."""

    execution: int
    replayed: bool


@contested
def once(user: Any, key: str, fingerprint: str, deed: Callable[[], Execution], *, now: datetime) -> Once:
    """The run that `deed` queues, or has queued for this `key` of `user` before; key and run are written together.

    `fingerprint` tells one request from another. Of twins at the same moment one waits for the other, on the
    unique index. Raises KeyReused, and what `deed` raises: then the key is still free.
    """
    hashed = _hashed(key)
    mine = IdempotencyKey.objects.filter(user=user, key=hashed)
    if known := mine.filter(created_at__gt=now - KEPT).first():
        return _replay(known, fingerprint)
    try:
        with transaction.atomic():
            run = deed()
            mine.filter(created_at__lte=now - KEPT).delete()
            IdempotencyKey.objects.create(
                user=user, key=hashed, fingerprint=_hashed(fingerprint), execution=run, created_at=now
            )
    except IntegrityError:
        if known := mine.first():
            return _replay(known, fingerprint)
        raise
    return Once(run.pk, replayed=False)


def _replay(known: IdempotencyKey, fingerprint: str) -> Once:
    if known.fingerprint != _hashed(fingerprint):
        raise KeyReused
    return Once(known.execution_id, replayed=True)


def _hashed(text: str) -> str:
    """Not the text itself: MariaDB takes "a", "A" and "a " for one and the same."""
    return hashlib.sha256(text.encode()).hexdigest()
