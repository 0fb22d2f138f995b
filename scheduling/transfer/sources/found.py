"""What is found in another scheduler, before it is known which task of ours it stands for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

type Moments = Callable[[datetime, datetime], Iterator[datetime]]  # in order, from the first up to but not the second


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of another scheduler: what it calls, and when by its own rules."""

    where: str  # "line 12", "job nightly"
    calls: str  # a command of a shell, "module:function", the name of a Celery task
    said: str = ""  # its schedule as it is written there
    id: str = ""  # what it is called there; empty where it has no name
    name: str = ""
    schedule: Any = None  # of a document
    moments: Moments | None = None  # None: it fires at no time of its own
    arguments: dict[str, Any] = field(default_factory=dict)
    policies: dict[str, Any] = field(default_factory=dict)  # keys of a document
    notes: tuple[str, ...] = ()  # what is different here, or not taken over
    stopped: str = ""  # why it does not fire there at present
    cannot: str = ""  # why it cannot be translated, whatever it calls
    over: str = ""  # why there is nothing left to take over
