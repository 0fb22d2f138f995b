"""Ten thousand jobs are due at once, and sixteen threads are there to run them."""

from collections import Counter

import pytest
from django.utils import timezone

from scheduling.models import Execution, Job, State
from tests.acceptance.rota import Rota

CROWD = 10_000
LONGEST = 180.0  # seconds; a quarter of it on an idle machine


@pytest.mark.sqlite_only
def test_ten_thousand_jobs_due_at_once_run_once_each(rota: Rota) -> None:
    due = timezone.now()
    plain = {"task": "tests.workload.tasks.echo", "trigger": "date", "run_at": due, "next_run_time": due}
    crowd = [Job(id=f"job-{number}", name="x", queue="light", **plain) for number in range(CROWD)]
    Job.objects.bulk_create(crowd, batch_size=500)
    process = rota.launch("runscheduler", "--once", "--queues", "light", LOG_LEVEL="WARNING")
    assert process.wait(LONGEST) == 0
    rows = Counter(Execution.objects.values_list("job", "state"))
    assert rows == {(job.pk, State.SUCCEEDED): 1 for job in crowd}
    assert not Job.objects.armed().exists()
