"""A task for those who try Rota: it is there only as long as the demo is."""

import logging
import time
from typing import Any

from django.tasks import task

from scheduling.registry import scheduled

logger = logging.getLogger(__name__)

STEP = 1.0  # seconds


@scheduled(
    "manual",
    id="long_walk",
    name="A long walk (to try Cancel)",
    description="Takes a step each second, for five minutes or as long as its argument says. Run it, and cancel it.",
    tags=["demo"],
)
@task(takes_context=True)
def long_walk(context: Any, minutes: float = 5) -> None:
    steps = max(1, round(minutes * 60 / STEP))
    for step in range(1, steps + 1):
        logger.info("Step %s of %s", step, steps)
        context.progress(step, steps, f"step {step}")
        time.sleep(STEP)
