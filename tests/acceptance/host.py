"""A program of somebody else, which runs Rota's scheduler in its background and obeys the test line by line."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.acceptance.rota import PATIENCE, ROOT, Rota

# Not guarded by `__name__`, as scripts are written: what starts children must not run it once more in each of them.
BEGIN = """\
import django
django.setup()

from scheduling import (
    get_job_status, get_scheduled_jobs, get_scheduler, initialize_scheduler, is_scheduler_running, pause_job,
    remove_job, resume_job, setup_scheduler, shutdown_scheduler, start_scheduler,
)
"""
OBEY = """
import json, sys
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    print(json.dumps(eval(line), default=str), flush=True)
"""


class Host:
    """A process that runs `program`, and then evaluates what it is asked, an expression a line."""

    def __init__(self, rota: Rota, program: str = "", **environment: str) -> None:
        path = rota.folder / f"host{len(rota.processes)}.py"
        path.write_text(f"{BEGIN}{program}{OBEY}")
        with rota.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(path)],
                cwd=rota.folder,
                env={**rota.environment, "PYTHONPATH": str(ROOT), **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        rota.processes.append(self.process)
        self.rota = rota
        assert self._heard() == "ready"

    def ask(self, expression: str) -> Any:
        """What the program says of `expression`, as JSON tells it."""
        self.tell(expression)
        return self._heard()

    def tell(self, expression: str) -> None:
        """Have it evaluated; does not wait for what comes of it."""
        assert self.process.stdin
        self.process.stdin.write(f"{expression}\n".encode())
        self.process.stdin.flush()

    def leave(self, within: float = PATIENCE) -> int:
        """Let the program come to its end; returns its exit code."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(within)

    def _heard(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"it ended: {self.process.wait(PATIENCE)}{os.linesep}{self.rota.log.read_text()[-5000:]}"
        return json.loads(line)
