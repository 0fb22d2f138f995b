"""How many items runs have done: known by the app that keeps their records, which scheduling does not import."""

from collections.abc import Callable, Collection

Counter = Callable[[Collection[int]], dict[int, int]]

_counters: list[Counter] = []


def count_with(counter: Counter) -> Counter:
    """Have `counter` asked: from ids of executions to how many items each has done; without those it knows nothing of.

    To be called in an app's `ready()`; also a decorator.
    """
    if counter not in _counters:
        _counters.append(counter)
    return counter


def items_of(executions: Collection[int]) -> dict[int, int]:
    """The items of each run that anything is known of."""
    found: dict[int, int] = {}
    for counter in _counters if executions else ():
        for run, count in counter(executions).items():
            found[run] = found.get(run, 0) + count
    return found
