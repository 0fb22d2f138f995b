"""What the campaign's tasks really did: lines in a file that only grows, independent of the ledger."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.chaos.failpoints import append

BEGIN, END = "begin", "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The begin of a run's code, or its end if it ended well."""

    what: str
    run: int  # id of the Execution
    fence: int
    job: str
    moment: str | None  # the due moment; None for what was asked for by hand
    at: float  # seconds of CLOCK_MONOTONIC, which is one for all processes and which no fault moves


@contextmanager
def noted(path: str, context: Any) -> Iterator[None]:
    """Write down that the run of `context` begins, and that it ends."""
    moment = context.scheduled_for and context.scheduled_for.isoformat()
    who = {"run": context.execution_id, "fence": context.snapshot.fence, "job": context.job_id, "moment": moment}
    _write(path, Effect(what=BEGIN, at=time.monotonic(), **who))
    yield
    _write(path, Effect(what=END, at=time.monotonic(), **who))


def _write(path: str, effect: Effect) -> None:
    append(path, f"\n{json.dumps(asdict(effect))}")  # a line of its own even behind one that a death has torn


def read(path: Path) -> tuple[list[Effect], int]:
    """All effects in the order in which they were written, and how many lines a death has torn."""
    effects, torn = [], 0
    for line in filter(None, path.read_text().splitlines() if path.exists() else ()):
        try:
            effects.append(Effect(**json.loads(line)))
        except (ValueError, TypeError):
            torn += 1
    return effects, torn
