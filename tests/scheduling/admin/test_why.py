"""The page *Why?*: what comes, what became of a moment, and a table of the moments before; for who may look."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from scheduling.admin import columns, why
from scheduling.models import Cause, Execution, Job, State, Why
from tests.factories import NOON, make_execution, make_job
from tests.scheduling.admin.conftest import Staff

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
LIST = "/admin/scheduling/execution/"


@pytest.fixture
def job(db: None) -> Job:
    made = make_job(id="night:1", timezone="Europe/Berlin", next_run_time=timezone.now() + timedelta(hours=1))
    Job.objects.filter(pk=made.pk).update(created_at=NOON - timedelta(days=9))
    return made


def skipped(job: Job, cause: Cause = Cause.MISSED, minutes: int = 0, **columns_: object) -> Execution:
    at = NOON + timedelta(minutes=minutes)
    plain: dict[str, object] = {"why": Why.SCHEDULE, "state": State.SKIPPED, "scheduled_for": at, "finished_at": at}
    return make_execution(job, cause=cause, **{"reason": "Nobody was there.", **plain, **columns_})


def test_it_tells_what_comes_and_lists_the_moments(boss: Client, job: Job) -> None:
    run = skipped(job)
    text = boss.get(columns.page(job, "why")).text
    for words in ("No scheduler is running", "manage.py runscheduler", "Nobody was there.", "Mon 2 Mar 2026 13:00 CET"):
        assert words in text
    assert columns.page(run) in text
    assert why.about(job, at=NOON).replace("&", "&amp;") in text


def test_it_answers_for_a_moment_and_links_the_runs_it_names(boss: Client, job: Job) -> None:
    earlier = make_execution(job, state=State.SUCCEEDED, started_at=NOON, finished_at=NOON)
    skipped(job, Cause.OVERLAP, reason=f"Overlap: an earlier run was still going (#{earlier.pk}); see ticket #999999.")
    response = boss.get(columns.page(job, "why"), {"at": "2026-03-02 13:00"})
    assert response.context["answer"]["verdict"] == "Skipped: an earlier run was still going"
    first = response.context["answer"]["sentences"][0]
    assert f'href="{columns.page(earlier)}"' in first
    assert "ticket #999999." in first


def test_each_moment_of_the_table_leads_to_its_answer(boss: Client, job: Job) -> None:
    skipped(job)
    response = boss.get(why.about(job, at=NOON))
    assert response.context["answer"]["verdict"] == "Missed"


@pytest.mark.parametrize("text", ["soon", "25:99", EVIL, "0001-01-01 00:00"])
def test_what_is_no_time_is_refused_on_the_page(boss: Client, job: Job, text: str) -> None:
    response = boss.get(columns.page(job, "why"), {"at": text})
    assert response.status_code == 200
    assert "yesterday 02:00" in response.context["refused"]
    assert "<script>alert" not in response.text


def test_a_job_with_an_unknown_zone_is_told_of_all_the_same(boss: Client, job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(timezone="Nowhere", parked_reason="Its zone is unknown.")
    response = boss.get(columns.page(job, "why"), {"at": "02:00"})
    assert "no known time zone" in response.context["refused"]
    assert "Its zone is unknown." in response.text


def test_nothing_that_people_wrote_is_markup(boss: Client, job: Job) -> None:
    now = timezone.now()
    Job.objects.filter(pk=job.pk).update(name=EVIL, paused_at=now, paused_by=EVIL, paused_reason=EVIL)
    skipped(job, reason=EVIL)
    text = boss.get(why.about(job, at=NOON)).text
    assert "<script>alert" not in text
    assert "<img src=x" not in text


def test_older_moments_are_a_page_away(boss: Client, job: Job) -> None:
    for minute in range(45):
        skipped(job, minutes=minute)
    response = boss.get(columns.page(job, "why"))
    assert len(response.context["moments"]) == why.SHOWN
    older = boss.get(response.context["older"])
    assert len(older.context["moments"]) == 5
    assert older.context["older"] == ""
    assert len(boss.get(columns.page(job, "why"), {"until": "yesterday"}).context["moments"]) == why.SHOWN


def test_it_is_for_who_may_see_the_job_and_its_runs(staff: Staff, job: Job) -> None:
    run = skipped(job)
    both, looker = staff("view_job"), staff("view_job", seeing=False)
    assert columns.page(run) in both.get(why.about(job, at=NOON)).text
    for page in (columns.page(job), "/admin/scheduling/job/"):
        assert columns.page(job, "why") in both.get(page).text
        assert columns.page(job, "why") not in looker.get(page).text
    assert looker.get(why.about(job, at=NOON)).status_code == 403


def test_without_it_the_page_is_shut(staff: Staff, job: Job) -> None:
    assert staff("view_execution", "run_job", seeing=False).get(columns.page(job, "why")).status_code == 403
    assert Client().get(columns.page(job, "why")).status_code == 302


def test_a_job_that_is_not_there_is_not_found(boss: Client) -> None:
    assert boss.get("/admin/scheduling/job/gone/why/").status_code == 404


def test_the_page_of_a_run_leads_to_its_moment(boss: Client, staff: Staff, job: Job) -> None:
    run = skipped(job)
    here = why.about(job, at=NOON)
    assert here in boss.get(columns.page(run)).text
    assert here not in staff("view_execution", seeing=False).get(columns.page(run)).text
    Job.objects.all().delete()
    assert here not in boss.get(columns.page(run)).text


def test_runs_are_filtered_by_cause(boss: Client, job: Job) -> None:
    missed, coalesced = skipped(job), skipped(job, Cause.COALESCED, minutes=1)
    text = boss.get(LIST, {"cause": "missed"}).text
    assert columns.page(missed) in text
    assert columns.page(coalesced) not in text
    assert "Coalesced" in boss.get(LIST).text
    assert boss.get(LIST, {"cause": EVIL}).status_code == 200


def test_few_queries_make_the_page(boss: Client, job: Job, django_assert_max_num_queries: object) -> None:
    for minute in range(40):
        skipped(job, minutes=minute)
    with django_assert_max_num_queries(20):  # type: ignore[operator]
        boss.get(why.about(job, at=NOON))


@pytest.mark.parametrize("until", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "nonsense"])
def test_a_page_of_moments_beyond_the_calendar_is_the_first_one(boss: Client, until: str) -> None:
    assert boss.get(columns.page(make_job(), "why"), {"until": until}).status_code == 200
