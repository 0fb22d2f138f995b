"""Rota as its operator meets it: real `runscheduler` processes on the test's database."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from django.utils import timezone

from scheduling import store
from scheduling.models import FINAL, Execution, Job, Worker, WorkerState

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0  # seconds before a test gives up on what should have come long ago

T = TypeVar("T")


class Rota:
    """Starts schedulers, and asks the database what they did. Ends them all when the test does."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        self.log = folder / "log"

    def start(self, *options: str, **environment: str) -> "subprocess.Popen[bytes]":
        """A `runscheduler` that has turned at least once."""
        known = set(Worker.objects.values_list("pk", flat=True))
        process = self.launch("runscheduler", *options, **environment)
        self.until(lambda: Worker.objects.exclude(pk__in=known).exists() or process.poll() is not None)
        assert process.poll() is None or "--once" in options, self.log.read_text()
        return process

    def launch(self, *command: str, **environment: str) -> "subprocess.Popen[bytes]":
        """A management command as a process, its output in the log; returns at once."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", *command],
                cwd=ROOT,
                env={**self.environment, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def run(self, *command: str, **environment: str) -> int:
        """A management command from start to end; returns its exit code."""
        return self.launch(*command, **environment).wait(PATIENCE)

    def job(self, task: str, *, id: str = "job", **columns: Any) -> Job:
        """A job as the admin would make it; manual unless a trigger is given."""
        plain: dict[str, Any] = {"name": id, "trigger": "manual", "task": f"tests.workload.tasks.{task}"}
        return store.create(Job(**{"id": id, **plain, **columns}), by="test", now=timezone.now())

    def ask(self, task: str, *, id: str = "", arguments: dict[str, Any] | None = None, **columns: Any) -> Execution:
        """A queued run of a new manual job."""
        job = self.job(task, id=id or task, arguments=arguments or {}, **columns)
        return store.enqueue(job, now=timezone.now(), by="test")

    def ended(self, execution: Execution, within: float = PATIENCE) -> Execution:
        """`execution` as it ended."""
        self.until(lambda: self.state(execution) in FINAL, within)
        execution.refresh_from_db()
        return execution

    def state(self, execution: Execution) -> str:
        return str(Execution.objects.values_list("state", flat=True).get(pk=execution.pk))

    def until(self, condition: Callable[[], T], within: float = PATIENCE) -> T:
        """What `condition` gives as soon as it is true; fails with the log when time is up."""
        end = time.monotonic() + within
        while not (found := condition()):
            assert time.monotonic() < end, f"not within {within} s\n{self._tail()}"
            time.sleep(0.01)
        return found

    def stop(self, process: "subprocess.Popen[bytes]", how: int = signal.SIGTERM, within: float = PATIENCE) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        process.send_signal(how)
        return process.wait(within)

    def end(self) -> None:
        """Kill what still runs; the children follow their parents."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()

    def lines(self, name: str) -> list[str]:
        """What tasks have marked in the file `name`."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def alive(self) -> int:
        return Worker.objects.filter(state=WorkerState.ALIVE).count()

    def _tail(self) -> str:
        log = self.log.read_text()[-5000:] if self.log.exists() else ""
        rows = Execution.objects.values_list("job_id", "state", "reason", "error_message")[:20]
        return f"{log}\n{list(rows)}"
