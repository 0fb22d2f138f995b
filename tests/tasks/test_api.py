"""Records over REST: found by what they are about, told without secrets, and true of runs that were killed."""

from typing import Any

import pytest

from scheduling.api import paging
from scheduling.models import State
from tasks.models import Status, TaskRecord
from tests.factories import NOON, make_execution, make_job, make_worker
from tests.scheduling.api.caller import Caller, ids, queries, wrong_fields

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller() -> Caller:
    return Caller("tasks.view_taskrecord")


def make_record(status: Status = Status.SUCCEEDED, **columns: Any) -> TaskRecord:
    ended = None if status == Status.RUNNING else NOON
    return TaskRecord.objects.create(
        **{
            "task_name": "tasks.social.tasks.sync",
            "status": status,
            "started_at": NOON,
            "finished_at": ended,
            **columns,
        }
    )


def left_open() -> TaskRecord:
    """Its run was killed, and nobody has closed it yet."""
    run = make_execution(state=State.LOST, worker=make_worker(), started_at=NOON, finished_at=NOON)
    return make_record(Status.RUNNING, execution=run)


@pytest.mark.parametrize("name", ["task", "job", "label", "status", "execution"])
def test_a_filter_finds_what_it_names(caller: Caller, name: str) -> None:
    run = make_execution(make_job(id="nightly"))
    wanted = make_record(Status.FAILED, task_name="tasks.tickets.tasks.mine", label="acme", execution=run)
    make_record(label="other", execution=make_execution(make_job()))
    make_record()
    values = {"task": "tasks.tickets.tasks.mine", "job": "nightly", "label": "acme", "status": "failed"}
    assert ids(caller.get("records", **{name: {**values, "execution": run.pk}[name]})) == [wanted.pk]


def test_what_a_killed_run_left_open_is_interrupted(caller: Caller) -> None:
    killed = left_open()
    going = make_record(Status.RUNNING, execution=make_execution())
    assert caller.get(f"records/{killed.pk}").json()["status"] == "interrupted"
    assert [each["status"] for each in caller.get("records").json()["items"]] == ["running", "interrupted"]
    assert ids(caller.get("records", status="interrupted")) == [killed.pk]
    assert ids(caller.get("records", status="running")) == [going.pk]
    assert ids(caller.get("records", status=["running", "interrupted"])) == [going.pk, killed.pk]


def test_pages_have_each_record_once_also_where_no_index_leads(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "REACH", 3)
    wanted = []
    for number in range(9):
        record = make_record(label="rare" if number % 5 == 0 else "common")
        wanted += [record.pk] if record.label == "rare" else []
    assert [each["id"] for each in caller.pages("records", label="rare")] == wanted[::-1]
    assert len(caller.pages("records", limit=2)) == 9


def test_a_record_is_told_whole_without_its_secrets(caller: Caller) -> None:
    row = make_record(
        label="acme",
        items_processed=5,
        items_succeeded=4,
        items_failed=1,
        progress=1.0,
        log_output="12:00:00 login with token=abcdefgh12345\n12:00:01 5 posts",
        error="password=hunter2-and-more",
        result={"api_key": "abcdefgh12345", "posts": 5},
    )
    answer = caller.get(f"records/{row.pk}")
    told = answer.json()
    assert b"abcdefgh12345" not in answer.content
    assert b"hunter2" not in answer.content
    assert [told[f"items_{name}"] for name in ("processed", "succeeded", "failed")] == [5, 4, 1]
    assert (told["progress"], told["duration"], told["result"]["posts"]) == (1.0, 0.0, 5)
    assert told["log"].endswith("5 posts")
    assert (told["task"], told["label"], told["started_at"]) == (row.task_name, "acme", "2026-03-02T12:00:00Z")


def test_a_longer_list_takes_no_more_queries(caller: Caller) -> None:
    make_record()
    few = queries(lambda: caller.get("records"))
    for _ in range(5):
        left_open()
    assert queries(lambda: caller.get("records")) == few


def test_what_makes_no_sense_is_refused(caller: Caller) -> None:
    assert caller.get("records/7").status_code == 404
    assert wrong_fields(caller.get("records/seven")) == ["record_id"]
    assert wrong_fields(caller.get("records", status="fine")) == ["status"]
    assert wrong_fields(caller.get("records", tenant="acme")) == ["tenant"]
    assert wrong_fields(caller.get("records", execution=2**63)) == ["execution"]


def test_records_are_for_who_may_see_them() -> None:
    row = make_record()
    other = Caller("view_execution")
    assert other.get("records").status_code == other.get(f"records/{row.pk}").status_code == 403
