"""The campaign's task: it writes down that it began and that it ended, and may fail or hang between."""

import random
import time
from typing import Any

from django.tasks import task

from tests.chaos.effects import noted


@task(takes_context=True)
def work(context: Any, path: str, seconds: float = 0.0, failing: float = 0.0, hanging: float = 0.0) -> None:
    """Take about `seconds`; `failing` and `hanging` are the shares of runs that fail, or go on until stopped."""
    with noted(path, context):
        end = time.monotonic() + (3600 if _lot(hanging) else random.uniform(0, 2 * seconds))  # noqa: S311
        while (left := end - time.monotonic()) > 0:
            context.raise_if_cancelled()
            time.sleep(min(0.1, left))
        if _lot(failing):
            raise RuntimeError("fails now and then, as told")


def _lot(share: float) -> bool:
    return random.random() < share  # noqa: S311
