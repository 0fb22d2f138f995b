"""A work that is wanted, and what became of the wish: plain values."""

from dataclasses import dataclass

from tasks.audiobooks.models import GapState


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A work that belongs to a series, or is an author's."""

    key: str  # OL900W
    title: str
    authors: tuple[str, ...] = ()
    position: str = ""  # in the series
    recordings: tuple[str, ...] = ()  # ids at LibriVox


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What became of a wish."""

    state: GapState = GapState.MISSING
    book: int | None = None
    edition: int | None = None
    is_new: bool = False  # it was queued just now

    @property
    def told(self) -> str:
        """For the counts: queued is what was queued just now, coming what was queued before."""
        return "coming" if self.state == GapState.QUEUED and not self.is_new else self.state.value
