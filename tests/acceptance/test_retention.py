"""The job that prunes the history, as a real scheduler runs it."""

from datetime import timedelta

from django.utils import timezone

from scheduling import store
from scheduling.models import Execution, Job, LogChunk, State
from tests.acceptance.rota import Rota
from tests.factories import make_execution, make_job

OLD = timedelta(days=200)


def test_old_history_goes_and_the_summary_says_how_much(rota: Rota) -> None:
    now = timezone.now()
    job = make_job(next_run_time=None)
    rows = [Execution(**job.snapshot(), why="schedule", state=State.FAILED, run_after=now) for _ in range(450)]
    for row in rows:
        row.started_at = row.finished_at = now - OLD
    Execution.objects.bulk_create(rows)
    LogChunk.objects.create(execution=rows[0], text="a line")
    for days in (200, 1, 0):
        make_execution(job, state=State.SUCCEEDED, started_at=now, finished_at=now - timedelta(days=days))

    pruning = store.enqueue(Job.objects.get(pk="prune_history"), now=now, by="test")
    assert rota.run("runscheduler", "--once") == 0
    pruning.refresh_from_db()
    assert pruning.state == State.SUCCEEDED, pruning.error_message
    assert pruning.result == {"runs": 451, "jobs": 1, "workers": 0}
    assert pruning.progress == 1
    assert Execution.objects.exclude(pk=pruning.pk).count() == 2
    told = "\n".join(LogChunk.objects.values_list("text", flat=True))
    assert "Deleted 451 runs of 1 jobs, 0 workers, 0 tokens and 0 keys of requests;" in told
    assert "KEEP_DAYS is 30, KEEP_UNWELL_DAYS is 90." in told


def test_a_pruning_stops_when_it_is_cancelled(rota: Rota) -> None:
    now = timezone.now()
    rows = [
        Execution(task="a", why="enqueue", state=State.SUCCEEDED, run_after=now, started_at=now, finished_at=now - OLD)
        for _ in range(20_000)
    ]
    Execution.objects.bulk_create(rows, batch_size=1000)
    rota.start()
    pruning = store.enqueue(Job.objects.get(pk="prune_history"), now=now, by="test")
    rota.until(lambda: Execution.objects.filter(pk=pruning.pk, progress__gt=0).exists())
    store.cancel(pruning, by="test", now=timezone.now())
    assert rota.ended(pruning).state == State.CANCELLED
    assert 0 < Execution.objects.filter(task="a").count() < len(rows)
