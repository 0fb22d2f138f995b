"""move: the one way in which rows go from a state to another; what the table of states does not allow is refused."""

import logging
from typing import Any

from django.db.models import F

from scheduling.exceptions import ImpossibleStep
from scheduling.models import ExecutionQuerySet, State
from scheduling.states import PASS_OVER, WITHDRAW, Step
from scheduling.store.figures import told_ends

logger = logging.getLogger(__name__)

WITHOUT_A_RUN = (WITHDRAW, PASS_OVER)  # the steps to an end that no executor tells of


def move(rows: ExecutionQuerySet, step: Step, to: State, **columns: Any) -> int:
    """Take those of `rows` that are still where `step` begins to the state `to`; returns how many went.

    Every step is a change of ownership, so the fence grows. Raises ImpossibleStep when the table has no such way.
    """
    if to not in step.after:
        logger.error("Refused: no way leads from %s to %s.", step.before, to)
        raise ImpossibleStep(f"No way leads from {step.before} to {to}; {step.who} may only go to {step.after}.")
    rows = rows.filter(state=step.before)
    if step in WITHOUT_A_RUN:
        ended = list(rows.select_for_update().only("job_id", "task", "missed_count"))
        told_ends(ended, to, columns.get("cause", ""))
    return rows.update(state=to, fence=F("fence") + 1, **columns)
