"""The Python door: `background_worker` runs stages of the pipeline for a program, and waits without blocking its loop.

    from tasks.tickets import background_worker

    result = await background_worker.run_full_pipeline(backfill_days=7, batch_size=500)
    background_worker.get_status()["progress"]

A scheduler does the work; the program only waits. Without a loop: `asyncio.run(background_worker.run_sync())`.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.utils import timezone

from scheduling.coroutines import anywhere
from scheduling.health import turning
from scheduling.models import Execution, State, Why
from tasks.exceptions import TaskError
from tasks.tickets.on_demand import attempts, start
from tasks.tickets.stages import STAGES
from tasks.tickets.status import pipeline_status, status_of

EVERY = 1.0  # seconds between two looks at the run
PATIENCE = 30.0  # seconds without any scheduler, as during a deploy


class PipelineFailed(TaskError):
    """The run did not end well."""

    def __init__(self, run: Execution, message: str) -> None:
        super().__init__(message)
        self.run = run


class NobodyRuns(PipelineFailed):
    """No scheduler is at work."""


class BackgroundWorker:
    """Queues runs of the pipeline and waits for their end."""

    def __init__(self, every: float = EVERY, patience: float = PATIENCE, by: str = "background_worker") -> None:
        self._every = every
        self._patience = patience
        self._by = by

    async def run_sync(self, backfill_days: int | None = None) -> dict[str, Any]:
        """Fetch tickets; returns what the run tells at its end, by stage.

        Raises AlreadyRunning, PipelineFailed with the run's error, NobodyRuns, NotConfigured. Whoever stops waiting
        does not stop the run.
        """
        return await self._run(("sync",), backfill_days=backfill_days)

    async def run_analysis(self, batch_size: int | None = None) -> dict[str, Any]:
        """Look for issues in what has been fetched; as `run_sync`."""
        return await self._run(("analyze",), batch_size=batch_size)

    async def run_full_pipeline(
        self, backfill_days: int | None = None, batch_size: int | None = None
    ) -> dict[str, Any]:
        """All stages; as `run_sync`."""
        return await self._run(STAGES, backfill_days=backfill_days, batch_size=batch_size)

    @anywhere
    def get_status(self) -> dict[str, Any]:
        """As `/api/tasks/worker/status` tells it; of the latest run, whoever asked for it."""
        return pipeline_status().as_dict()

    async def _run(self, stages: Sequence[str], **given: int | None) -> dict[str, Any]:
        run = await _aside(start, stages, now=timezone.now(), by=self._by, why=Why.ENQUEUE, **given)
        alive = time.monotonic()
        while True:
            run, somebody_turns = await _aside(_look, run)
            if run.state == State.SUCCEEDED:
                return dict(run.result or {})
            if run.is_final:
                raise PipelineFailed(run, await _aside(_trouble, run))
            if somebody_turns:
                alive = time.monotonic()
            elif time.monotonic() - alive >= self._patience:
                raise NobodyRuns(
                    run,
                    f"No scheduler is at work, so run #{run.pk} stays {run.state}. Start one: manage.py runscheduler",
                )
            await asyncio.sleep(self._every)


async def _aside[R](call: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """What `call` returns, made in a thread of a pool, which keeps no connection to the database."""

    def made() -> R:
        try:
            return call(*args, **kwargs)
        finally:
            connections.close_all()

    return await sync_to_async(made, thread_sensitive=False)()


def _look(run: Execution) -> tuple[Execution, bool]:
    """The last attempt of what `run` is an attempt of, and whether a scheduler is at work."""
    latest: Execution = attempts(run).last() or run
    return latest, bool(turning(timezone.now()))


def _trouble(run: Execution) -> str:
    return f"Run #{run.pk} {run.get_state_display().lower()}: {status_of(run).error or 'no reason was given'}"


background_worker = BackgroundWorker()
