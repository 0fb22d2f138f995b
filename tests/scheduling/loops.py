"""Coroutines for tests."""

from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import async_to_sync
from django.db import connections


def in_a_loop[T](start: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the coroutine gives, in a thread with its own connection: a browser of other tests may keep a loop here."""

    def work() -> T:
        try:
            return async_to_sync(start)()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()
