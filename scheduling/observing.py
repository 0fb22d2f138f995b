"""Whoever watches runs from outside, as an error tracker does: named by the setting OBSERVERS, and none by default."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.module_loading import import_string

from scheduling.conf import options
from scheduling.models import Execution
from scheduling.snapshots import Outcome, Snapshot

logger = logging.getLogger(__name__)


class Observer:
    """What one may be told; to be inherited from. Each must be quick, and cannot change what becomes of the run."""

    def raised(self, snapshot: Snapshot, error: BaseException) -> None:
        """The task has raised `error`; told where it runs, in a child or a thread, while the error is handled."""

    def ended(self, row: Execution, outcome: Outcome) -> None:
        """The end of a run has been written; told by a scheduler. `row` is as it was before."""


def raised(snapshot: Snapshot, error: BaseException) -> None:
    """Tell all of an error of a task."""
    for observer in observers():
        with _unharmed():
            observer.raised(snapshot, error)


def ended(row: Execution, outcome: Outcome) -> None:
    """Tell all of the end of a run."""
    for observer in observers():
        with _unharmed():
            observer.ended(row, outcome)


@lru_cache(maxsize=1)
def observers() -> tuple[Observer, ...]:
    """Those that the settings name, made when they are first needed in a process."""
    return tuple(import_string(path)() for path in options().observers)


@contextmanager
def _unharmed() -> Iterator[None]:
    """A run does not suffer from who watches it."""
    try:
        yield
    except Exception:
        logger.exception("An observer of runs failed.")


@receiver(setting_changed)
def forget_observers(*, setting: str, **_: object) -> None:
    """Read the setting again after a test has overridden it."""
    if setting == "SCHEDULING":
        observers.cache_clear()
