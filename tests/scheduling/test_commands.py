"""`manage.py jobs` and `queues`: what they say, what they do, and what they refuse."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from scheduling import store
from scheduling.management.caller import by
from scheduling.models import Change, Execution, Job, Queue, State
from tests.factories import make_job

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def standing_clock() -> Iterator[None]:
    """So that no minute passes while one counts them."""
    with time_machine.travel(timezone.now().replace(second=30), tick=False):
        yield


def said(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def job_of_now() -> Job:
    """A job of every minute that has fired until ten minutes ago."""
    begin = timezone.now() - timedelta(minutes=10)
    job = make_job(id="films", next_run_time=None, fired_until=begin)
    Job.objects.update(next_run_time=job.next_after(begin))
    job.refresh_from_db()
    return job


def test_a_job_is_paused_for_a_while_and_the_reason_is_kept() -> None:
    job = make_job(id="films")
    assert said("jobs", "pause", "films", "--for", "2 h", "--reason", "stock-taking").startswith("films: paused until ")
    job.refresh_from_db()
    assert job.paused_until is not None
    assert timedelta(hours=1, minutes=59) < job.paused_until - timezone.now() <= timedelta(hours=2)
    change = Change.objects.get(job="films")
    assert (change.action, change.by, change.reason) == ("paused", by(), "stock-taking")


def test_a_pause_can_end_at_a_moment() -> None:
    make_job(id="films", timezone="Europe/Berlin")
    assert "paused until 2050-07-01 10:00:00 CEST" in said("jobs", "pause", "films", "--until", "2050-07-01T08:00Z")
    assert said("jobs", "pause", "films", "--until", "2050-07-01T08:00Z") == "films: was paused already.\n"


@pytest.mark.parametrize(("missed", "queued"), [("none", 0), ("latest", 1)])
def test_a_resumed_job_says_what_was_missed_and_makes_up_for_what_is_asked(missed: str, queued: int) -> None:
    job = job_of_now()
    store.pause(job, by="ada", now=job.fired_until or timezone.now())
    told = said("jobs", "resume", "films", "--missed", missed)
    assert "films: resumed. 10 moments passed meanwhile." in told
    assert "Next run: " in told
    assert Execution.objects.queued().count() == queued


def test_the_next_run_is_skipped() -> None:
    job = make_job(id="films", cron="0 12 1 1 *")
    job.next_run_time = job.next_after(timezone.now())
    job.save()
    assert "12:00:00 UTC is skipped. Next run: " in said("jobs", "skip", "films", "--reason", "new year's day")
    assert Execution.objects.get().state == State.SKIPPED


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("jobs", "pause", "filns"), "Did you mean films?"),
        (("jobs", "pause", "films", "--for", "a while"), "is no span of time"),
        (("jobs", "pause", "films", "--for", "0"), "A pause of no time is none"),
        (("jobs", "pause", "films", "--until", "2001-01-01"), "has passed"),
        (("jobs", "pause", "films", "--until", "noon"), "'noon' is no time; write it as '2026-11-23 07:00'"),
        (("jobs", "skip", "films"), "films: The job films has no next run to skip"),
        (("queues", "pause", "nothing"), "There is no queue 'nothing'; there are: default, light."),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_write(command: tuple[str, ...], message: str) -> None:
    make_job(id="films", trigger="manual", next_run_time=None)
    with pytest.raises(CommandError, match=message) as refused:
        said(*command)
    assert refused.value.returncode == 2


def test_a_queue_is_paused_listed_and_resumed() -> None:
    job_of_now()
    assert said("queues", "pause", "default", "--reason", "the disk is full") == "default: paused.\n"
    assert f"by {by()}: the disk is full" in said("queues", "list")
    assert Queue.objects.get(pk="default").paused_at is not None
    assert "10 moments passed meanwhile. Made up for: the latest." in said(
        *("queues", "resume", "default", "--missed", "latest")
    )
    assert Execution.objects.queued().count() == 1
    assert said("queues", "resume", "default") == "default: was not paused.\n"
    assert "light    threads (16)" in said("queues", "list")
