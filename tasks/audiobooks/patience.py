"""How long a run may take, and one question in it: a service that answers drop by drop costs one item, not the run."""

from collections.abc import Iterator
from contextlib import contextmanager

from tasks.exceptions import DeadlineReached, UpstreamError
from tasks.http import Deadline

LONGEST_RUN = 5.5 * 3600  # seconds; less than the task's own time-out
LONGEST_ANSWER = 300.0  # seconds for one question, with its retries and the pauses that a service asks for


class Patience(Deadline):
    """A deadline within which single questions have deadlines of their own."""

    def __init__(self, whole: Deadline) -> None:
        self._whole = whole
        self._part: Deadline | None = None

    def left(self) -> float:
        whole = self._whole.left()
        return min(whole, self._part.left()) if self._part else whole

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Raises UpstreamError after so many seconds, and DeadlineReached if the time for all is used up as well."""
        self._part = Deadline(seconds)
        try:
            yield
        except DeadlineReached:
            self._whole.left()
            raise UpstreamError(f"No answer came to its end within {seconds:g} s", retryable=True) from None
        finally:
            self._part = None


def patience() -> Patience:
    """For one run, from now on."""
    return Patience(Deadline(LONGEST_RUN))
