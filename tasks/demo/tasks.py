"""Tasks for those who try Rota: they are there only as long as the demo is."""

import logging
import time
from typing import Any

from django.tasks import task
from django.utils import timezone

from scheduling.registry import scheduled
from tasks.demo.past import remember

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


@scheduled(
    "manual",
    id="remember_figures",
    name="Figures of the days before",
    description="Gives the charts of social analytics a past, once the demo has been synced for the first time.",
    tags=["demo"],
    max_attempts=20,
)
@task
def remember_figures() -> int:
    """Returns how many readings were made."""
    return remember(timezone.now())
