"""The sources of a run, asked of one book after another; one that is out is left alone, and stops no other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from scheduling.exceptions import RetryLater
from scheduling.redact import plain
from tasks.audiobooks.models import Pause, Told
from tasks.audiobooks.patience import LONGEST_ANSWER, Patience
from tasks.audiobooks.streaks import Streak
from tasks.audiobooks.telling import Exhausted, Known, Refused, Said, Source
from tasks.exceptions import TaskError, UpstreamError
from tasks.recording import Entry


class SourcesOut(TaskError):
    """Sources of metadata fail. What the others told is kept, and the next attempt asks those that failed."""


@dataclass(slots=True)
class _Standing:
    """How it goes with one source."""

    streak: Streak = field(default_factory=Streak)  # of books for which it has failed
    out: str = ""  # why it is left alone; empty: it is asked
    missed_from: int | None = None  # the first book that it is still to be asked of
    pause: timedelta | None = None  # that it has asked for
    behind: int = 0  # it is asked of books behind this one
    asked: int = 0
    found: int = 0
    last: int = 0  # the last book that it was asked of


class Panel:
    def __init__(
        self, sources: Sequence[Source], entry: Entry, now: datetime, time: Patience, *, goes_round: bool
    ) -> None:
        """`goes_round`: a source that gave out before the end of the last round goes on behind that book."""
        self._sources = sources
        self._entry = entry
        self._now = now
        self._time = time
        self._goes_round = goes_round
        self._standings = {source.name: _Standing() for source in sources}
        for pause in Pause.objects.filter(pk__in=self._standings):
            self._take_up(pause)

    @property
    def is_out(self) -> bool:
        """Whether there is nobody left to ask."""
        return all(standing.out for standing in self._standings.values())

    @property
    def missed(self) -> list[int]:
        """The first book that a source is still to be asked of, for each source that was left alone."""
        return [one.missed_from for one in self._standings.values() if one.missed_from is not None]

    def ask(
        self, book: int, known: Known, told: Mapping[str, Told], since: datetime, *, again: bool = False
    ) -> tuple[dict[str, Said], list[UpstreamError]]:
        """What each source says of the book, but those that have said it since then; and what went wrong.

        `again`: it is known to be a book for which they fail, so that this says nothing of other books.
        """
        said: dict[str, Said] = {}
        errors: list[UpstreamError] = []
        for source in self._sources:
            standing, row = self._standings[source.name], told.get(source.name)
            if standing.out or book <= standing.behind or (row and row.fetched_at >= since):
                continue
            known = replace(known, validator=row.etag if row else "")
            try:
                answer = self._answer(source, standing, book, known)
            except UpstreamError as error:
                errors.append(error)
                if not again and standing.streak.is_out_after(book, error):
                    self._leave(source.name, standing, standing.streak.items[0], str(error))
                continue
            if answer is not None:
                standing.found += row.found if row and answer.is_unchanged else answer.found
                said[source.name] = answer
                known = _better(known, answer)
        return said, errors

    def told(self) -> dict[str, dict[str, int | str]]:
        """How it went, for the record."""
        return {
            name: {"asked": one.asked, "found": one.found, **({"left alone": one.out} if one.out else {})}
            for name, one in self._standings.items()
        }

    def close(self) -> None:
        """Raise SourcesOut, or RetryLater, if a source that failed is still to be asked of books."""
        missed = {name: one for name, one in self._standings.items() if one.missed_from is not None}
        if self._goes_round and not missed:
            done = [name for name, one in self._standings.items() if not one.out]
            Pause.objects.filter(pk__in=done).delete()
        if missed:
            why = "; ".join(f"{name}: {one.out}" for name, one in missed.items())
            pauses = [one.pause for one in missed.values() if one.pause]
            raise RetryLater(max(pauses), why) if pauses else SourcesOut(why)

    def _take_up(self, pause: Pause) -> None:
        standing = self._standings[pause.source]
        if self._goes_round:
            standing.behind = pause.book
        if pause.until > self._now:
            standing.out = pause.why
            self._entry.log(f"Not asked: {pause}")

    def _answer(self, source: Source, standing: _Standing, book: int, known: Known) -> Said | None:
        try:
            with self._time.within(LONGEST_ANSWER):
                answer = source.ask(known)
        except Exhausted as over:
            self._rest(source.name, standing, over)
            return None
        except Refused as error:
            self._leave(source.name, standing, book, str(error))
            return None
        except RetryLater as later:
            self._leave(source.name, standing, book, str(later))
            standing.pause = later.delay
            return None
        standing.streak.end()
        standing.asked += answer is not None
        standing.last = book
        return answer

    def _leave(self, name: str, standing: _Standing, book: int, why: str) -> None:
        standing.out, standing.missed_from = plain(why)[:300], book
        self._entry.log(f"{name} is left alone for the rest of this attempt: {why}")

    def _rest(self, name: str, standing: _Standing, over: Exhausted) -> None:
        """Leave it alone for as long as it takes, in later runs too; nothing has failed."""
        standing.out = plain(str(over))[:300]
        last = max(standing.last, standing.behind) if self._goes_round else 0
        fields = {"until": self._now + over.delay, "why": standing.out, **({"book": last} if self._goes_round else {})}
        Pause.objects.update_or_create(pk=name, defaults=fields)
        self._entry.log(f"{name} is left alone for {over.delay}: {standing.out}")


def _better(known: Known, said: Said) -> Known:
    """With what helps to ask the next source."""
    names = ("isbn", "asin", "openlibrary_key")
    return replace(known, **{name: said.fields[name] for name in names if said.fields.get(name)})
