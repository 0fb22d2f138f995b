"""Calls that reach the database, from within a coroutine too, where Django would refuse them."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps

from django.db import connections


def anywhere[**P, R](call: Callable[P, R]) -> Callable[P, R]:
    """`call`, made in a thread of its own where an event loop runs in this one, which waits: start-up code may."""

    @wraps(call)
    def made(*args: P.args, **kwargs: P.kwargs) -> R:
        if not _in_a_loop():
            return call(*args, **kwargs)

        def aside() -> R:
            try:
                return call(*args, **kwargs)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(1, thread_name_prefix="aside") as pool:
            return pool.submit(aside).result()

    return made


def _in_a_loop() -> bool:
    """As Django asks it, the variable with which it is told not to ask included."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return not os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
