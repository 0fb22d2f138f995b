"""What is usual, learned from the last successful runs of a job: pure, and robust against single odd ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

LEAST = 10  # runs before anything is called usual
SAMPLE = 50  # runs that are learned from
NORMAL = 1.4826  # makes the median deviation of normal values their standard deviation
BEYOND = 4  # such deviations are no chance any more
LEAST_EXCESS = 5.0  # seconds; a run that takes less than that longer is no news


@dataclass(frozen=True, slots=True)
class Usual:
    """The middle of some values, and how far they are off it as a rule."""

    middle: float
    spread: float


def learn(values: Sequence[float]) -> Usual | None:
    """None while there are too few values to speak of."""
    if len(values) < LEAST:
        return None
    middle = median(values)
    return Usual(middle, NORMAL * median(abs(value - middle) for value in values))


def too_long(usual: Usual, factor: float) -> float:
    """From how many seconds on a run takes longer than usual."""
    return max(usual.middle * factor, usual.middle + BEYOND * usual.spread, usual.middle + LEAST_EXCESS)


def too_few(usual: Usual, factor: float) -> float:
    """Below how many items a run did less than usual; 0 where its runs differ too much to say."""
    return max(min(usual.middle / factor, usual.middle - BEYOND * usual.spread), 0.0)
