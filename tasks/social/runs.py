"""The run in which a sync goes; or none, where a program calls the task by hand."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from typing import Self
from uuid import uuid4

from scheduling.context import Context
from tasks.recording import Entry, record


@dataclass(frozen=True, slots=True)
class Run:
    """What a sync is to know of it."""

    context: Context | None
    task: str  # its path, by which its records are found
    key: str  # the same for all attempts

    @classmethod
    def of(cls, context: Context | None, task: str) -> Self:
        """`task` is the name of one of `tasks.social.tasks`."""
        return cls(context, f"{__package__}.tasks.{task}", context.idempotency_key if context else f"hand-{uuid4()}")

    @property
    def tenant(self) -> str:
        return self.context.tenant if self.context else ""

    @property
    def execution(self) -> int | None:
        return self.context.execution_id if self.context else None

    @property
    def claimant(self) -> str:
        """This attempt of the run."""
        return f"{self.key}/{self.execution}" if self.execution else self.key

    def record(self, label: str = "") -> AbstractContextManager[Entry]:
        return record(self.context, label, task_name=self.task)

    def part(self, place: int, places: int) -> Self:
        """The same for one of the businesses: progress is of the whole."""
        return replace(self, context=self.context and BusinessContext.of(self.context, place, places))


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessContext(Context):  # type: ignore[misc]  # frozen in Django, not in its stubs
    """The context of a run as one of its businesses has it: progress is of the whole, and says which business it is."""

    place: int  # from 0
    places: int

    @classmethod
    def of(cls, context: Context, place: int, places: int) -> Self:
        given = {each.name: getattr(context, each.name) for each in fields(context)}
        return cls(**given, place=place, places=places)

    def progress(self, done: float, total: float | None = None, text: str = "") -> None:
        share = min(max(done / total if total else done, 0.0), 1.0) if total != 0 else 1.0
        Context.progress(self, self.place + share, self.places, text)
