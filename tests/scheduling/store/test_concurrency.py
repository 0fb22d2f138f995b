"""Several workers at the same instant, each with a connection of its own."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from scheduling import registry, store
from scheduling.models import Execution, Job, State, Worker
from scheduling.registry import scheduled
from scheduling.snapshots import Outcome
from scheduling.sync import sync
from tests.factories import NOON, make_execution, make_job, make_worker
from tests.workload.tasks import echo

pytestmark = pytest.mark.django_db(transaction=True)
SEVERAL = 4


def at_once[T](deed: Callable[[int], T]) -> list[T]:
    """What `deed(0)`, `deed(1)`, … return when several threads begin at the same instant."""
    results: list[Any] = [None] * SEVERAL
    ready = threading.Barrier(SEVERAL)

    def work(number: int) -> None:
        try:
            connection.ensure_connection()
            ready.wait(10)
            results[number] = deed(number)
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[number]) for number in range(SEVERAL)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    errors = [result for result in results if isinstance(result, Exception)]
    assert errors == []
    return results


def claim_until_empty(worker: Worker, places: int) -> list[int]:
    """All that `worker` gets in batches of `places`; a lost race is tried again, as the loop does."""
    got: list[int] = []
    empty = 0
    while empty < 3:
        try:
            batch = store.claim(worker.pk, {"default": places}, NOON)
        except DatabaseError:
            continue
        got += [snapshot.id for snapshot in batch]
        empty = 0 if batch else empty + 1
    return got


def test_a_due_moment_fires_once_however_many_ask() -> None:
    for _ in range(20):
        make_job()
    at_once(lambda _: store.fire_due(NOON))
    assert Execution.objects.count() == 20
    assert Job.objects.due(NOON).count() == 0


def test_workers_that_claim_at_once_get_disjoint_runs() -> None:
    runs = {make_execution().pk for _ in range(60)}
    workers = [make_worker() for _ in range(SEVERAL)]
    got = at_once(lambda number: claim_until_empty(workers[number], 5))
    claimed = [pk for batch in got for pk in batch]
    assert len(claimed) == len(set(claimed))
    assert set(claimed) == runs
    for worker, batch in zip(workers, got, strict=True):
        assert set(Execution.objects.running().filter(worker=worker).values_list("pk", flat=True)) == set(batch)


def test_workers_that_claim_at_once_never_exceed_max_instances() -> None:
    jobs = [make_job(max_instances=2) for _ in range(5)]
    for job in jobs:
        for _ in range(6):
            make_execution(job)
    workers = [make_worker() for _ in range(SEVERAL)]
    at_once(lambda number: claim_until_empty(workers[number], 3))
    for job in jobs:
        taken = list(job.executions.running().values_list("instance", flat=True))
        assert (len(taken), set(taken)) == (2, {0, 1})


def test_a_dead_worker_is_rescued_once_however_many_see_it() -> None:
    dead = make_worker()
    for _ in range(5):
        make_execution(state=State.RUNNING, worker=dead, started_at=NOON, idempotent=True)
    rescued = at_once(lambda _: store.rescue(dead, NOON, why="is gone"))
    assert [len(lost) for lost in rescued if lost is not None] == [5]
    assert Execution.objects.queued().count() == 5


def test_of_finish_and_rescue_at_once_one_wins_and_the_run_is_tried_again_at_most_once() -> None:
    worker = make_worker()
    runs = [
        make_execution(state=State.RUNNING, worker=worker, started_at=NOON, idempotent=True, fence=1, max_attempts=2)
        for _ in range(10)
    ]
    outcomes = [Outcome(id=run.pk, fence=1, state=State.FAILED, finished_at=NOON) for run in runs]

    def deed(number: int) -> int:
        if number % 2:
            return len(store.finish(worker.pk, outcomes, NOON).written)
        return len(store.rescue(worker, NOON, why="is gone") or [])

    ended = at_once(deed)
    assert sum(ended) == 10
    assert Execution.objects.queued().count() == 10
    assert not Execution.objects.running().exists()


def test_a_waiting_run_is_cancelled_or_claimed_and_never_both() -> None:
    runs = [make_execution() for _ in range(20)]
    worker = make_worker()

    def deed(number: int) -> list[int]:
        if number % 2:
            return claim_until_empty(worker, 20)
        return [run.pk for run in runs if store.cancel(run, by="ada", now=NOON) == State.CANCELLED]

    ended = [pk for batch in at_once(deed) for pk in batch]
    assert sorted(ended) == sorted(run.pk for run in runs)


def test_a_moment_at_which_someone_edits_the_schedule_runs_once_and_is_not_lost() -> None:
    jobs = [make_job(coalesce=False) for _ in range(8)]

    def deed(number: int) -> None:
        if number % 2:
            store.fire_due(NOON)
            return
        for job in jobs:
            mine = Job.objects.get(pk=job.pk)
            mine.cron = f"{number} 3 * * *"
            store.change(mine, ["cron"], by="ada", now=NOON)

    at_once(deed)
    for job in jobs:
        assert job.executions.filter(scheduled_for=NOON).count() == 1


def test_schedulers_that_start_together_bring_in_the_codes_jobs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_declarations", {})
    for number in range(5):
        scheduled("interval", minutes=5, id=f"job-{number}")(echo)
    reports = at_once(lambda _: [synced.deed for synced in sync(NOON)])
    assert Job.objects.count() == 5
    assert [deed for report in reports for deed in report].count("created") == 5


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite locks no single rows")
def test_an_outcome_waits_for_whoever_holds_its_row() -> None:
    worker = make_worker()
    run = make_execution(state=State.RUNNING, worker=worker, started_at=NOON, fence=1)
    outcome = Outcome(id=run.pk, fence=1, state=State.SUCCEEDED, finished_at=NOON)
    written: list[Outcome] = []

    def finish() -> None:
        written.extend(store.finish(worker.pk, [outcome], NOON).written)
        connection.close()

    finishing = threading.Thread(target=finish)
    with transaction.atomic():
        Execution.objects.select_for_update().get(pk=run.pk)
        finishing.start()
        finishing.join(0.3)
        assert finishing.is_alive()
    finishing.join(10)
    assert written == [outcome]
