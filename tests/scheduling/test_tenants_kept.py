"""A run keeps the tenant of its job, whatever made it; a job's tenant is a column like the others, at every door."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from scheduling import registry, store
from scheduling.backends import execution_of
from scheduling.context import Context, StopSignal
from scheduling.exceptions import InvalidJob
from scheduling.models import Backfill, Change, Execution, Job, State, Why
from scheduling.planning import Missed
from scheduling.registry import scheduled
from scheduling.results import running_result
from scheduling.snapshots import Outcome, Snapshot
from scheduling.sync import sync
from scheduling.transfer.documents import job_columns, job_document
from tests.factories import NOON, make_execution, make_job, make_worker
from tests.scheduling.admin.conftest import filled
from tests.scheduling.api.caller import Caller, ids, wrong_fields
from tests.scheduling.management.terminal import said, told
from tests.workload.tasks import echo

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def acme(**columns: Any) -> Job:
    return make_job(**{"id": "films", "tenant": "acme", "max_attempts": 3, "idempotent": True, **columns})


def end(run: Execution, state: State) -> Execution:
    """The run that follows the end of `run`."""
    worker = make_worker()
    Execution.objects.filter(pk=run.pk).update(state=State.RUNNING, worker=worker, started_at=NOON, fence=1)
    store.finish(worker.pk, [Outcome(id=run.pk, fence=1, state=state, finished_at=NOON)], NOON)
    return Execution.objects.filter(root=run.pk).latest("pk")


# What runs


def test_a_moment_that_fires_has_the_tenant_of_its_job() -> None:
    acme()
    store.fire_due(NOON)
    assert Execution.objects.get().tenant == "acme"


def test_run_now_and_a_run_of_a_run_have_it() -> None:
    run = store.enqueue(acme(), now=NOON, by="ada")
    assert store.rerun(run, by="ada", now=NOON).tenant == run.tenant == "acme"


@pytest.mark.parametrize(("state", "why"), [(State.FAILED, Why.RETRY), (State.LOST, Why.RESCUE)])
def test_a_retry_and_a_rescue_keep_it_though_the_job_was_given_to_others(state: State, why: Why) -> None:
    job = acme()
    run = make_execution(job)
    Job.objects.update(tenant="globex")
    after = end(run, state)
    assert (after.why, after.tenant) == (why, "acme")


def test_a_backfill_brings_runs_of_it() -> None:
    job = acme(cron="0 * * * *", next_run_time=NOON + HOUR)
    store.backfill(Backfill(job=job, first_at=NOON - HOUR, last_at=NOON), by="ada", now=NOON)
    assert {run.tenant for run in store.feed(NOON)} == {"acme"}


@pytest.mark.parametrize("missed", [Missed.LATEST, Missed.ALL])
def test_what_is_made_up_for_after_a_pause_is_of_it(missed: Missed) -> None:
    job = acme()
    store.pause(job, by="ada", now=NOON - MINUTE)
    store.resume(job, by="ada", now=NOON + 3 * MINUTE, missed=missed)
    store.feed(NOON + 3 * MINUTE)
    assert Execution.objects.queued().exists()
    assert set(Execution.objects.values_list("tenant", flat=True)) == {"acme"}


def test_a_running_task_is_told_whose_run_it_is() -> None:
    acme()
    store.fire_due(NOON)
    snapshot = store.claim(make_worker().pk, {"default": 1}, NOON)[0]
    crossed = Snapshot.loads(snapshot.dumps())
    context = Context(task_result=running_result(crossed, echo), snapshot=crossed, stop=StopSignal())
    assert (crossed.tenant, context.tenant) == ("acme", "acme")


def test_a_run_that_code_asks_for_can_be_of_a_tenant() -> None:
    runs = store.enqueue_task([execution_of(echo, [], {}, tenant="acme"), execution_of(echo, [], {})])
    assert [Execution.objects.get(pk=run.pk).tenant for run in runs] == ["acme", ""]


# The column


def test_a_change_of_it_is_recorded_and_bends_no_run() -> None:
    job = acme()
    run = store.enqueue(job, now=NOON, by="ada")
    job.tenant = "globex"
    assert store.change(job, ["tenant"], by="ada", now=NOON)
    assert Change.objects.get(action="changed").fields == {"tenant": ["acme", "globex"]}
    run.refresh_from_db()
    assert run.tenant == "acme"


@pytest.mark.parametrize("name", ["a b", "-acme", "acme\n", "ä", "x" * 101])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    job = acme()
    job.tenant = name
    with pytest.raises(InvalidJob, match="tenant"):
        store.change(job, ["tenant"], by="ada", now=NOON)


def test_code_declares_it_and_does_not_take_it_back_from_staff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_declarations", {})
    scheduled("interval", minutes=5, id="films", tenant="acme")(echo)
    sync(NOON)
    assert Job.objects.get(pk="films").tenant == "acme"
    Job.objects.filter(pk="films").update(tenant="globex")
    sync(NOON)
    assert Job.objects.get(pk="films").tenant == "globex"


def test_it_goes_into_a_document_and_comes_back() -> None:
    document = job_document(acme())
    assert document["tenant"] == "acme"
    assert job_columns(document, lambda *_: None)["tenant"] == "acme"
    assert "tenant" not in job_document(make_job())
    assert job_columns({}, lambda *_: None)["tenant"] == ""


def test_the_command_line_lists_by_it_and_shows_it() -> None:
    run = make_execution(acme())
    make_execution(make_job(id="house"))
    assert [job["id"] for job in told("jobs", "list", "--tenant", "acme")] == ["films"]
    assert [job["id"] for job in told("jobs", "list", "--tenant", "")] == ["house"]
    assert [each["tenant"] for each in told("executions", "list", "--tenant", "acme")] == ["acme"]
    assert told("jobs", "show", "films")["tenant"] == told("executions", "show", str(run.pk))["tenant"] == "acme"
    assert "acme" in said("jobs", "show", "films")
    assert "acme" in said("executions", "show", str(run.pk))


def test_a_document_with_it_is_imported(tmp_path: Any) -> None:
    acme()
    file = tmp_path / "jobs.yaml"
    file.write_text(said("jobs", "export"))
    Job.objects.all().delete()
    said("jobs", "import", str(file))
    assert Job.objects.get(pk="films").tenant == "acme"


# REST, for people of the installation


def test_rest_takes_shows_and_filters_it() -> None:
    boss = Caller("view_job", "add_job", "change_job", "view_execution")
    made = boss.post("jobs", id="films", task=echo.module_path, schedule={"trigger": "manual"}, tenant="acme")
    assert (made.status_code, made.json()["tenant"]) == (201, "acme")
    run = make_execution(Job.objects.get(pk="films"))
    make_execution(make_job(id="house"))
    assert ids(boss.get("jobs", tenant="acme")) == ["films"]
    assert ids(boss.get("jobs", tenant="")) == ["house"]
    assert ids(boss.get("executions", tenant="acme")) == [run.pk]
    assert boss.get(f"executions/{run.pk}").json()["tenant"] == "acme"
    assert boss.send("PATCH", "jobs/films", {"tenant": ""}).json()["tenant"] == ""
    assert wrong_fields(boss.send("PATCH", "jobs/films", {"tenant": "a b"})) == ["tenant"]
    changes = boss.get("jobs/films/changes").json()["items"]
    assert changes[0]["fields"] == {"tenant": {"old": "acme", "new": ""}}


# The admin, for people of the installation


def test_the_admin_sets_shows_and_filters_it(admin_client: Client, admin_user: User) -> None:
    acme()
    make_job(id="house", name="Ours")
    page = admin_client.get("/admin/scheduling/job/films/change/")
    assert admin_client.post(page.wsgi_request.path, filled(page, tenant="globex")).status_code == 302
    assert Job.objects.get(pk="films").tenant == "globex"
    assert Change.objects.get(action="changed").by == admin_user.get_username()
    listed = admin_client.get("/admin/scheduling/job/?tenant=globex").content.decode()
    assert "films" in listed
    assert "Ours" not in listed
    run = make_execution(Job.objects.get(pk="films"))
    assert "globex" in admin_client.get(f"/admin/scheduling/execution/{run.pk}/change/").content.decode()
    refused = admin_client.post(page.wsgi_request.path, filled(page, tenant="a b"))
    assert "tenant" in refused.context["adminform"].form.errors
