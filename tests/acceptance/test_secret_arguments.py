"""What a run is given as a secret is nowhere in what it leaves behind, whatever its task says and wherever it runs."""

import json
from typing import Any

import pytest
from django.core import serializers

from scheduling.models import Execution, LogChunk, State
from scheduling.redact import DOTS
from tasks.models import TaskRecord
from tests.acceptance.host import Host
from tests.acceptance.rota import Rota

pytestmark = pytest.mark.sqlite_only

PASSWORD = "hunter2 ünter/2"  # errors and addresses write it in other ways than it is
PARTS = ("hunter2", "nter/2", "nter%2F2")
EXECUTORS = pytest.mark.parametrize("queue", ["default", "light"])
GIVEN = pytest.mark.parametrize("arguments", [{"password": PASSWORD}, {"*": [PASSWORD]}], ids=["named", "positional"])
LISTENING = """
from apscheduler.events import EVENT_JOB_ERROR
from tests.workload.tasks import tells_its_password
scheduler = initialize_scheduler()
heard = []
scheduler.add_listener(lambda event: heard.append((repr(event.exception), event.traceback)), EVENT_JOB_ERROR)
scheduler.add_job(tells_its_password, args=[{password!r}], id="job", executor={queue!r})
start_scheduler()
"""


def unharmed(text: str) -> bool:
    return not any(part in text for part in PARTS)


@EXECUTORS
@GIVEN
def test_no_row_and_no_line_holds_it(rota: Rota, queue: str, arguments: dict[str, Any]) -> None:
    rota.start()
    run = rota.ended(rota.ask("tells_its_password", arguments=arguments, queue=queue))
    assert run.state == State.FAILED
    assert run.error_message == f"bad {DOTS}, or ['{DOTS}'], at /?p={DOTS}"
    assert (run.progress_text, f"ValueError: bad {DOTS}" in run.traceback) == (f"signed in by {DOTS}", True)
    run.arguments = {}
    left = [run, *LogChunk.objects.all(), *TaskRecord.objects.all()]
    assert len(left) >= 3
    assert unharmed(json.dumps(json.loads(serializers.serialize("json", left)), ensure_ascii=False))
    rota.until(lambda: "Failed after" in rota.log.read_text())
    assert f"bad {DOTS}" in rota.log.read_text()
    assert f"in a thread: {DOTS}" in rota.log.read_text()
    assert unharmed(rota.log.read_text())


@EXECUTORS
def test_no_listener_hears_it(rota: Rota, queue: str) -> None:
    host = Host(rota, LISTENING.format(password=PASSWORD, queue=queue))
    rota.until(lambda: host.ask("heard"))
    ((exception, traceback),) = host.ask("heard")
    assert DOTS in exception
    assert unharmed(exception + traceback)
    assert Execution.objects.get().state == State.FAILED
