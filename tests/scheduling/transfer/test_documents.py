"""A job as a document and back: every column that people decide, exactly."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from scheduling import registry, store
from scheduling.exceptions import InvalidTrigger
from scheduling.models import Calendar, Job, Overlap, Window
from scheduling.store.changes import ENGINE
from scheduling.transfer import documents
from scheduling.transfer.apply import apply
from scheduling.transfer.documents import COLUMNS, KEYS, calendar_document, job_document
from scheduling.transfer.reading import read
from scheduling.transfer.writing import document
from tests.factories import ECHO, NOON, make_job

OPERATION = {"id", "paused_at", "paused_until", "paused_by", "paused_reason", "parked_reason", "origin"}
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
SPANS = st.timedeltas(timedelta(), timedelta(days=400))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e6, 1e6) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
WINDOWS = st.fixed_dictionaries(
    {}, optional={"start_at": MOMENTS, "end_at": MOMENTS.map(lambda m: m.replace(year=2040))}
)
TRIGGERS = st.one_of(
    st.fixed_dictionaries(
        {
            "trigger": st.just("cron"),
            "cron": st.sampled_from(["0 2 * * *", "@daily", "day=13 hour=1 minute=0 second=0"]),
        }
    ),
    st.fixed_dictionaries(
        {"trigger": st.just("interval"), "interval": st.timedeltas(timedelta(seconds=1), timedelta(9))}
    ),
    st.fixed_dictionaries({"trigger": st.just("date"), "run_at": MOMENTS}),
    st.fixed_dictionaries({"trigger": st.just("manual")}, optional={"cron": st.just("0 3 * * *")}),
)
OTHERS = st.fixed_dictionaries(
    {},
    optional={
        "description": TEXT,
        "tags": st.lists(TEXT, max_size=3),
        "arguments": st.fixed_dictionaries({"value": JSON}),
        "queue": st.just("light"),
        "priority": st.integers(-100, 100),
        "timeout": SPANS,
        "max_attempts": st.integers(1, 100),
        "backoff": SPANS,
        "backoff_max": SPANS,
        "jitter": SPANS,
        "max_instances": st.integers(1, 9),
        "overlap": st.sampled_from(Overlap.values),
        "coalesce": st.booleans(),
        "misfire_grace_time": st.none() | SPANS,
        "idempotent": st.booleans(),
        "exclusive": st.booleans(),
        "run_at_startup": st.booleans(),
        "keep_for": SPANS,
        "keep_unwell_for": SPANS,
    },
)


def test_a_document_has_every_column_that_people_decide() -> None:
    """A new column of Job is exported, or stands among those that are no definition."""
    decided = {field.name for field in Job._meta.local_fields} - OPERATION - set(ENGINE)
    assert decided == set(COLUMNS)
    assert set(KEYS) >= registry.JOB_OPTIONS


@pytest.mark.django_db
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TRIGGERS, WINDOWS, ZONES, TEXT.filter(str.strip), OTHERS)
def test_a_job_comes_back_from_its_document_as_it_was(
    trigger: dict[str, Any], window: dict[str, Any], zone: str, name: str, others: dict[str, Any]
) -> None:
    Job.objects.all().delete()
    job = Job(id="films", name=name, task=ECHO, timezone=zone, **trigger, **window, **others)
    try:
        store.create(job, by="", now=NOON)
    except InvalidTrigger:
        reject()  # its window lies where no moment is
    text = document([job_document(job)])
    before = exactly()
    Job.objects.all().delete()
    apply(read(text), by="ada", now=NOON, reason="import")
    assert exactly() == before
    assert document([job_document(Job.objects.get())]) == text


def exactly() -> str:
    """All that is decided of the one job, so that 1, 1.0 and true are told apart."""
    columns = Job.objects.values(*COLUMNS).get()
    return repr({**columns, "arguments": json.dumps(columns["arguments"], sort_keys=True)})


@pytest.mark.django_db
def test_the_names_of_arguments_have_the_same_order_on_every_database() -> None:
    job = make_job(arguments={"b": [{"d": 1, "cc": 2}], "aa": None})
    assert json.dumps(job_document(job)["arguments"]) == '{"aa": null, "b": [{"cc": 2, "d": 1}]}'


@pytest.mark.django_db
def test_only_what_differs_from_the_defaults_is_written_in_a_readable_order() -> None:
    job = make_job(
        id="films",
        name="Films",
        tags=["nightly", "media"],
        timezone="Europe/Berlin",
        cron="30 2 * * 1-5",
        start_at=datetime(2026, 7, 1, tzinfo=UTC),
        arguments={"value": "a\nb\n"},
        timeout=timedelta(minutes=90),
        misfire_grace_time=None,
        paused_at=NOON,
    )
    assert document([job_document(job)]).partition("version")[2] == (
        ": 1\n"
        "\n"
        "jobs:\n"
        "  - id: films\n"
        "    name: Films\n"
        "    tags: [nightly, media]\n"
        "    task: tests.workload.tasks.echo\n"
        "    schedule:\n"
        "      cron: 30 2 * * 1-5\n"
        "      timezone: Europe/Berlin\n"
        "      start_at: '2026-07-01 02:00:00+02:00'\n"
        "    arguments:\n"
        "      value: |\n"
        "        a\n"
        "        b\n"
        "    timeout: 1h30m\n"
        "    misfire_grace_time: any\n"
    )


@pytest.mark.django_db
def test_a_job_whose_zone_this_host_does_not_know_is_written_in_utc() -> None:
    job = make_job(timezone="Mars/Olympus", start_at=NOON)
    assert job_document(job)["schedule"]["start_at"] == "2026-03-02 12:00:00+00:00"


@pytest.mark.django_db
def test_a_calendar_comes_back_from_its_document_as_it_was() -> None:
    calendar = Calendar.objects.create(id="shop", name="Shop", country="DE", subdivision="BY", timezone="Europe/Berlin")
    Window.objects.create(calendar=calendar, name="Stock-taking", start_at=NOON, end_at=NOON + timedelta(hours=3))
    Window.objects.create(calendar=calendar, name="Night", cron="0 22 * * *", duration=timedelta(hours=8))
    told = calendar_document(calendar, calendar.windows.all())
    assert told["windows"][0]["start_at"] == "2026-03-02 13:00:00+01:00"
    text = document([], [told])
    columns = ("name", "start_at", "end_at", "cron", "duration")
    before = [Calendar.objects.values().get(), *Window.objects.values(*columns)]
    Calendar.objects.all().delete()
    apply(read(text), by="ada", now=NOON, reason="import")
    assert [Calendar.objects.values().get(), *Window.objects.values(*columns)] == before


def test_what_looks_secret_is_marked_and_can_be_filled_in_again() -> None:
    kept = {"api_key": "abc", "limit": 5, "hosts": [{"password": "x"}, "https://ada:secret@example.org"], "tokens": []}
    marked = documents.without_secrets(kept)
    assert repr(marked) == ("{'api_key': !secret, 'limit': 5, 'hosts': [{'password': !secret}, !secret], 'tokens': []}")
    missing: list[Any] = []
    assert documents.with_secrets(marked, kept, missing.append) == kept
    assert missing == []
    documents.with_secrets(marked, {"hosts": []}, missing.append)
    assert missing == [("api_key",), ("hosts", 0, "password"), ("hosts", 1)]
