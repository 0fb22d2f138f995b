"""Ctrl+C ends the waiting, not what is waited for."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LEFT = 130  # exit code after Ctrl+C


@contextmanager
def leaving() -> Iterator[threading.Event]:
    """An event that Ctrl+C sets: an exception might come where nobody hears it."""
    left = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: left.set())
    try:
        yield left
    finally:
        signal.signal(signal.SIGINT, before)


def leave(how_to_go_on: str) -> SystemExit:
    """The exception that ends this process; says on stderr how to go on."""
    sys.stderr.write(f"\n{how_to_go_on}\n")
    return SystemExit(LEFT)
