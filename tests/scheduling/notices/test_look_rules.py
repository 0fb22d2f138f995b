"""Whom a rule tells of what: its jobs, its channels, when again, when it is quiet, and what changes of it do."""

from datetime import datetime, time, timedelta

import pytest

from scheduling.models import Event, Execution, Incident, Notice, NoticeRule, Sighting, State
from tests.factories import NOON, make_job
from tests.scheduling.notices.conftest import HOUR, ended, looked, make_rule, titles

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def test_a_rule_is_about_its_jobs_and_tags_only() -> None:
    make_rule(Event.FAILED, jobs=["one"], tags=["nightly"])
    for id, tags in (("one", []), ("two", ["nightly", "x"]), ("three", ["x"])):
        ended(make_job(id=id, name=id, tags=tags), State.FAILED)
    ended(None, State.FAILED)
    looked()
    assert sorted(titles()) == ["one failed", "two failed"]


def test_a_rule_about_everything_is_about_runs_without_a_job_too() -> None:
    make_rule(Event.FAILED)
    ended(None, State.FAILED)
    ended(None, State.FAILED)
    looked()
    assert titles() == ["tests.workload.tasks.echo failed"]
    assert Incident.objects.get().count == 2


def test_what_was_before_the_rule_is_not_told() -> None:
    make_rule(Event.FAILED, since=NOON)
    ended(make_job(), State.FAILED, at=NOON - MINUTE)
    looked()
    assert titles() == []


def test_a_disabled_rule_tells_nothing_and_its_incidents_end_unsaid() -> None:
    rule = make_rule(Event.FAILED, Event.RECOVERED)
    ended(make_job(), State.FAILED)
    looked()
    NoticeRule.objects.filter(pk=rule.pk).update(enabled=False)
    ended(make_job(), State.FAILED)
    looked(NOON + MINUTE)
    assert len(titles()) == 1
    assert Incident.objects.get().closed_reason == "The rule was switched off."


@pytest.mark.parametrize("change", [{"events": ["missed"]}, {"jobs": ["another"]}])
def test_a_changed_rule_gives_up_what_it_does_not_mind_any_more(change: dict[str, list[str]]) -> None:
    rule = make_rule(Event.FAILED)
    ended(make_job(), State.FAILED)
    looked()
    NoticeRule.objects.filter(pk=rule.pk).update(**change)
    looked(NOON + MINUTE)
    assert Incident.objects.get().closed_reason == "The rule was changed."


def test_the_incident_of_a_deleted_job_ends_unsaid() -> None:
    make_rule(Event.FAILED, Event.RECOVERED)
    job = make_job()
    ended(job, State.FAILED)
    looked()
    job.delete()
    looked(NOON + MINUTE)
    assert Incident.objects.get().closed_reason == "The job was deleted."
    assert len(titles()) == 1


# How often, when, to whom


def test_each_channel_of_a_rule_gets_its_line() -> None:
    make_rule(Event.FAILED, channels=["ops", "mail"])
    ended(make_job(), State.FAILED)
    looked()
    assert list(Notice.objects.order_by("id").values_list("channel", flat=True)) == ["ops", "mail"]


def test_it_is_told_again_only_where_that_is_asked_for() -> None:
    make_rule(Event.FAILED, repeat_after=HOUR)
    job = make_job()
    ended(job, State.FAILED)
    looked()
    looked(NOON + timedelta(minutes=59))
    assert len(titles()) == 1
    looked(NOON + HOUR)
    looked(NOON + HOUR + MINUTE)
    assert titles() == [f"{job} failed", f"{job} still failed"]
    looked(NOON + 2 * HOUR)
    assert len(titles()) == 3


@pytest.mark.parametrize("column", ["acknowledged_at", "muted_until"])
def test_what_somebody_sees_to_is_not_told_again(column: str) -> None:
    make_rule(Event.FAILED, repeat_after=HOUR)
    ended(make_job(), State.FAILED)
    looked()
    Incident.objects.update(**{column: NOON + 2 * HOUR})
    looked(NOON + HOUR)
    assert len(titles()) == 1


def test_the_end_of_a_muted_incident_is_not_told_but_that_of_an_acknowledged_one_is() -> None:
    make_rule(Event.FAILED, Event.RECOVERED)
    muted, seen = make_job(id="muted"), make_job(id="seen")
    for job in (muted, seen):
        ended(job, State.FAILED)
    looked()
    Incident.objects.filter(subject="job:muted").update(muted_until=NOON + HOUR)
    Incident.objects.filter(subject="job:seen").update(acknowledged_at=NOON)
    for job in (muted, seen):
        ended(job, at=NOON + MINUTE)
    looked(NOON + MINUTE)
    assert titles()[2:] == [f"{seen} is well again"]


def test_a_line_in_the_quiet_hours_is_due_at_their_end() -> None:
    make_rule(Event.FAILED, quiet_from=time(12), quiet_until=time(7), timezone="Europe/Berlin")
    ended(make_job(), State.FAILED)
    looked()
    assert Notice.objects.get().due_at == datetime.fromisoformat("2026-03-03T06:00:00Z")


@pytest.mark.parametrize(("breaks", "hours"), [(True, 0), (False, 18)])
def test_no_scheduler_may_break_the_quiet(breaks: bool, hours: int) -> None:
    make_rule(Event.SILENT, quiet_from=time(12), quiet_until=time(6), silent_breaks_quiet=breaks)
    looked()
    assert Notice.objects.get().due_at - NOON in (hours * HOUR, hours * HOUR + timedelta(seconds=10))


def test_secrets_of_an_error_are_taken_out() -> None:
    make_rule(Event.FAILED)
    ended(make_job(), State.FAILED, error_message="401 for https://x.org/?api_key=abcdef0123456789", error_class="E")
    looked()
    line = Notice.objects.get()
    assert "401 for" in line.text
    assert "abcdef0123456789" not in f"{line.text}{line.facts}{Incident.objects.get().summary}"


def test_a_run_that_is_pruned_takes_its_sightings_along_and_its_incident_stays() -> None:
    make_rule(Event.FAILED, Event.RECOVERED)
    job = make_job()
    ended(job, State.FAILED)
    looked()
    Execution.objects.all().delete()
    assert not Sighting.objects.exists()
    ended(job, at=NOON + MINUTE)
    looked(NOON + MINUTE)
    assert titles() == [f"{job} failed", f"{job} is well again"]
