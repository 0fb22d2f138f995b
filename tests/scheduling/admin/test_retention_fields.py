"""How long a job keeps its history is written in its form, as a span in words."""

from datetime import timedelta

import pytest
from django.test import Client

from scheduling.admin import columns
from scheduling.models import Job
from tests.factories import make_job
from tests.scheduling.admin.conftest import errors, filled


def test_spans_come_back_as_they_were_written(boss: Client) -> None:
    job = make_job()
    page = columns.page(job)
    boss.post(page, filled(boss.get(page), keep_for="30 d", keep_unwell_for="2 weeks", exclusive="on"))
    job.refresh_from_db()
    assert (job.keep_for, job.keep_unwell_for) == (timedelta(days=30), timedelta(days=14))
    assert job.exclusive
    assert filled(boss.get(page))["keep_for"] == "30 days"


@pytest.mark.parametrize(("written", "kept"), [("", None), ("0", timedelta())])
def test_empty_leaves_it_to_the_settings_and_nought_is_for_ever(
    boss: Client, written: str, kept: timedelta | None
) -> None:
    job = make_job(keep_for=timedelta(days=1))
    page = columns.page(job)
    assert boss.post(page, filled(boss.get(page), keep_for=written)).status_code == 302
    assert Job.objects.get(pk=job.pk).keep_for == kept


def test_what_is_no_span_is_refused_in_its_place(boss: Client) -> None:
    page = columns.page(make_job())
    assert "keep_for" in errors(boss.post(page, filled(boss.get(page), keep_for="long")))
