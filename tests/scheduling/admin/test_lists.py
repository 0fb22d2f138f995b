"""The lists: what they show and find, and that no row costs a query of its own."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduling import recent
from scheduling.admin import columns
from scheduling.models import Execution, Job, State
from tests.factories import NOON, make_execution, make_job, make_worker

JOBS, RUNS, WORKERS = (f"/admin/scheduling/{name}/" for name in ("job", "execution", "worker"))


def make_run(job: Job | None = None, state: State = State.SUCCEEDED, **columns: Any) -> Execution:
    """A run that has ended."""
    return make_execution(job, state=state, **{"started_at": NOON, "finished_at": NOON, **columns})


def found(browser: Client, address: str, **query: str) -> set[Any]:
    return {row.pk for row in browser.get(address, query).context["cl"].result_list}


@pytest.mark.parametrize("address", [JOBS, RUNS, WORKERS, "/admin/"])
def test_more_rows_cost_no_more_queries(boss: Client, django_assert_max_num_queries: Any, address: str) -> None:
    def fill(rows: int) -> None:
        for _ in range(rows):
            job = make_job(tags=["x"], parked_reason="Gone")
            worker = make_worker()
            make_run(job, State.FAILED)
            make_execution(job, state=State.RUNNING, worker=worker, started_at=NOON)

    fill(2)
    boss.get(address)
    with django_assert_max_num_queries(15) as few:
        boss.get(address)
    fill(9)
    with django_assert_max_num_queries(len(few)):
        boss.get(address)


def test_no_list_of_runs_counts_them(boss: Client) -> None:
    job = make_job()
    for _ in range(3):
        make_run(job)
    with CaptureQueriesContext(connection) as asked:
        for query in ("", "?state__exact=failed", f"?job__id__exact={job.pk}", "?q=echo", "?ended_from=2026-01-01"):
            assert boss.get(RUNS + query).status_code == 200
        boss.get(columns.page(Execution.objects.latest("id")))
    statements = [each["sql"].upper() for each in asked.captured_queries if "EXECUTION" in each["sql"].upper()]
    assert statements
    assert not [each for each in statements if "COUNT(" in each or "DISTINCT" in each]


def test_a_job_is_found_by_what_one_remembers(boss: Client) -> None:
    job = make_job(id="films", name="Watch", description="Asks Trakt", tags=["média"], task="tests.workload.tasks.note")
    make_job()
    for words in ("film", "watch", "trakt", "note"):
        assert found(boss, JOBS, q=words) == {job.pk}


@pytest.mark.parametrize("tag", ["nightly", "média", 'say "hi"', "50%"])
def test_jobs_are_filtered_by_tag(boss: Client, tag: str) -> None:
    job = make_job(tags=["other", tag])
    make_job(tags=[f"{tag}-not"])
    make_job()
    assert found(boss, JOBS, tag=tag) == {job.pk}


def test_jobs_are_filtered_by_how_they_stand(boss: Client) -> None:
    jobs = {
        "armed": make_job(),
        "paused": make_job(paused_at=NOON, next_run_time=None),
        "parked": make_job(parked_reason="Gone", next_run_time=None),
        "spent": make_job(trigger="date", cron="", run_at=NOON, next_run_time=None),
        "manual": make_job(trigger="manual", cron="", next_run_time=None),
    }
    for standing, job in jobs.items():
        assert found(boss, JOBS, standing=standing) == {job.pk}
        assert f">{standing.title()}</span>" in boss.get(JOBS, {"standing": standing}).text
    assert len(found(boss, JOBS, standing="nonsense")) == 5


def test_jobs_are_filtered_by_trigger_queue_task_and_origin(boss: Client) -> None:
    job = make_job(trigger="manual", cron="", queue="light", task="tests.workload.tasks.note", origin="code")
    make_job()
    for query in ({"trigger__exact": "manual"}, {"queue": "light"}, {"task": job.task}, {"origin__exact": "code"}):
        assert found(boss, JOBS, **query) == {job.pk}


def test_the_strip_has_the_last_twenty_runs_oldest_first(boss: Client) -> None:
    job, other = make_job(), make_job()
    runs = [make_run(job, State.FAILED if number % 2 else State.SUCCEEDED) for number in range(25)]
    make_run(other, State.LOST)
    shown = recent.latest([job.pk, other.pk, "no such job"])
    assert [run.pk for run in shown[job.pk]] == [run.pk for run in reversed(runs[-20:])]
    text = boss.get(JOBS, {"q": job.pk}).text
    places = [text.index(f'href="{columns.page(run)}" class="rota-cell') for run in runs[-20:]]
    assert places == sorted(places)
    assert f'href="{columns.page(runs[4])}"' not in text


def test_a_run_is_found_by_number_job_and_task(boss: Client) -> None:
    job = make_job(id="films", name="Watch history")
    mine, other = make_run(job), make_run(make_job(task="tests.workload.tasks.note"))
    alone = make_execution(task="tests.workload.tasks.says")
    assert found(boss, RUNS, q=f"#{mine.pk}") == {mine.pk}
    assert found(boss, RUNS, q="history") == {mine.pk}
    assert found(boss, RUNS, q="note") == {other.pk}
    assert found(boss, RUNS, q="says") == {alone.pk}
    assert found(boss, RUNS, q="9" * 30) == set()
    assert found(boss, RUNS, q="nothing of this name") == set()


def test_runs_are_filtered(boss: Client) -> None:
    job = make_job(queue="light", task="tests.workload.tasks.note")
    mine = make_run(job, State.LOST, why="api", finished_at=NOON + timedelta(days=3))
    make_run(make_job())
    for query in (
        {"state__exact": "lost"},
        {"job__id__exact": job.pk},
        {"task": job.task},
        {"queue": "light"},
        {"why": "api"},
        {"ended_from": "2026-03-05"},
        {"ended_from": "2026-03-05", "ended_until": "2026-03-05"},
    ):
        assert found(boss, RUNS, **query) == {mine.pk}, query
    assert found(boss, RUNS, ended_until="2026-03-01") == set()
    assert len(found(boss, RUNS, ended_from="nonsense")) == 2


def test_days_are_those_of_the_viewer(boss: Client) -> None:
    run = make_run(finished_at=NOON.replace(hour=16))  # already the next day in Tokyo
    assert found(boss, RUNS, ended_from="2026-03-03") == set()
    boss.cookies["rota_zone"] = "Asia/Tokyo"
    assert found(boss, RUNS, ended_from="2026-03-03") == {run.pk}
    assert "21:00" in boss.get(RUNS).text


@pytest.mark.parametrize("cookie", ["Mars/Base", "../../etc/passwd", "", "x" * 5000])
def test_a_zone_that_is_none_does_no_harm(boss: Client, cookie: str) -> None:
    boss.cookies["rota_zone"] = cookie
    make_run()
    assert boss.get(RUNS).status_code == 200


def test_pages_are_turned_without_a_count(boss: Client) -> None:
    for _ in range(51):
        make_run()
    first, second = boss.get(RUNS), boss.get(RUNS, {"p": 2})
    assert len(first.context["cl"].result_list) == 50
    assert len(second.context["cl"].result_list) == 1
    assert 'href="?p=2"' in first.text
    assert "50000" not in first.text


def test_a_worker_that_is_not_heard_of_is_called_silent(boss: Client) -> None:
    make_worker()
    assert "Silent" in boss.get(WORKERS).text
