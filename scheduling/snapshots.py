"""What crosses into a child and back: a plain Snapshot in, a plain Outcome out, both as JSON."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

from scheduling.clock import steady
from scheduling.models import UNWELL, Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that a run needs; the Job it came from may change or go meanwhile."""

    id: int  # of the Execution
    fence: int  # what the claim got; every write of the run carries it
    task: str  # dotted path of a registered task
    arguments: dict[str, Any]  # by name; positional ones under "*"
    worker: str  # of the claim
    job: str | None = None  # id
    tenant: str = ""  # whose the run is; empty: the installation's own
    queue: str = "default"
    priority: int = 0
    attempt: int = 1
    root: int | None = None  # id of the first attempt; None for the first itself
    timeout: float | None = None  # seconds
    exclusive: bool = False  # stopped when its worker is cut off from the database
    scheduled_for: datetime | None = None  # the due moment, for runs that a trigger asked for
    created_at: datetime | None = None
    started_at: datetime | None = None

    def dumps(self) -> bytes:
        return json.dumps(asdict(self), default=datetime.isoformat).encode()

    @classmethod
    def loads(cls, text: bytes) -> Self:
        plain = json.loads(text)
        for name in ("scheduled_for", "created_at", "started_at"):
            plain[name] = plain[name] and datetime.fromisoformat(plain[name])
        return cls(**plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended, in words that can be written into its row."""

    id: int
    fence: int
    state: str  # one of the final states
    finished_at: datetime
    started_at: datetime | None = None  # when the task's code began; None if it never did, or could not say
    began: float | None = None  # as started_at, on clock.steady(): the scheduler makes of it what the database calls it
    ended: float = field(default_factory=steady)  # likewise as finished_at
    result: Any = None  # JSON
    cause: str = ""  # one of models.Cause
    reason: str = ""
    error_class: str = ""
    error_message: str = ""
    traceback: str = ""
    retry_in: float | None = None  # seconds, when the task asked for it
    may_retry: bool = field(default=True)  # False: not even if attempts are left

    @property
    def is_unwell(self) -> bool:
        """Whether an operator wants to hear of it; a deploy that interrupts a run is no failure."""
        return self.state in UNWELL and self.cause != Cause.INTERRUPTED

    def dumps(self) -> bytes:
        return json.dumps(asdict(self), default=datetime.isoformat).encode()

    @classmethod
    def loads(cls, text: bytes) -> Self:
        plain = json.loads(text)
        for name in ("started_at", "finished_at"):
            plain[name] = plain[name] and datetime.fromisoformat(plain[name])
        return cls(**plain)
