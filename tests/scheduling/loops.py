"""Coroutines for tests."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def in_a_loop[T](start: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the coroutine gives, in a thread: a browser of other tests may keep a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(start())).result()
