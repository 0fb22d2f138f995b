"""What people of a tenant do to their own jobs: when they run, but not what, nor how much of what all share."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from scheduling import store
from scheduling.explain import explain, explain_run
from scheduling.models import Change, Execution, Job, State
from scheduling.recent import last_runs, latest
from tests.factories import ECHO, NOON, make_execution, make_job
from tests.scheduling.admin.conftest import filled
from tests.scheduling.api.caller import Caller, ids
from tests.scheduling.tenants import People, browser, caller, people  # noqa: F401  # fixtures

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
FIXED = {"task": "tests.workload.tasks.says", "arguments": {"value": 2}, "queue": "light", "tenant": "globex"}
SHARED = {"priority": 9, "timeout": 3600, "max_instances": 5, "overlap": "queue_all", "max_attempts": 9}


@pytest.fixture
def job(settings: Any) -> Job:
    settings.SCHEDULING = {**settings.SCHEDULING, "PINGS": {"monitor": "https://ping.example/1"}}
    return make_job(id="films", tenant="acme", arguments={"value": 1}, code_definition={"arguments": {}, "priority": 0})


def row() -> dict[str, Any]:
    return dict(Job.objects.filter(pk="films").values(*FIXED, *SHARED, "ping").get())


def refused(answer: Any) -> str:
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:rota:confined")
    return str(answer.json()["detail"])


# Over REST


def test_rest_lets_them_change_when_and_how_it_runs(job: Job, caller: Caller) -> None:  # noqa: F811
    body = {"name": "Mine", "tags": ["x"], "schedule": {"cron": "0 5 * * *"}, "backoff": 9, "coalesce": False}
    assert caller.send("PATCH", "jobs/films", body).status_code == 200
    job.refresh_from_db()
    assert (job.name, job.cron, job.coalesce) == ("Mine", "0 5 * * *", False)
    for deed in ("pause", "resume", "skip", "recompute", "run"):
        assert caller.post(f"jobs/films/{deed}").status_code in (200, 201)
    assert caller.delete("jobs/films").status_code == 204


@pytest.mark.parametrize("name", [*FIXED, *SHARED, "ping"])
def test_rest_refuses_what_would_make_it_another_job(name: str, job: Job, caller: Caller) -> None:  # noqa: F811
    before = row()
    value = {**FIXED, **SHARED, "ping": "monitor"}[name]
    assert name in refused(caller.send("PATCH", "jobs/films", {name: value, "coalesce": False}))
    assert row() == before
    same = {name: before[name]}
    assert caller.send("PATCH", "jobs/films", same).status_code == 200


def test_rest_runs_it_with_its_own_arguments_only(job: Job, caller: Caller) -> None:  # noqa: F811
    assert "arguments" in refused(caller.post("jobs/films/run", arguments={"value": 2}))
    assert caller.post("jobs/films/run", arguments={"value": 1}).status_code == 201
    assert Execution.objects.get().tenant == "acme"


def test_one_run_at_a_time_is_theirs(job: Job, caller: Caller, browser: Client) -> None:  # noqa: F811
    run = make_execution(job, state=State.FAILED, started_at=NOON, finished_at=NOON)
    loose = make_execution(None, task=job.task, tenant="acme", state=State.FAILED, started_at=NOON, finished_at=NOON)
    for first in (run, loose):
        going = caller.post(f"executions/{first.pk}/retry").json()["id"]
        doors = [f"executions/{first.pk}/retry", *(["jobs/films/run"] if first is run else [])]
        for door in doors:
            again = caller.post(door, **({"even_if_open": True} if "retry" in door else {}))
            assert (again.status_code, again.json()["type"]) == (409, "urn:rota:under-way")
            assert f"Run #{going} is queued" in again.json()["detail"]
        assert "is queued" in browser.post(f"/admin/scheduling/execution/{first.pk}/again/").content.decode()
    assert "is queued" in browser.post("/admin/scheduling/job/films/run/").content.decode()
    browser.post("/admin/scheduling/job/", {"action": "run_selected", "_selected_action": ["films"]})
    assert Execution.objects.count() == 4
    boss = Caller("view_job", "run_job")
    assert boss.post("jobs/films/run").status_code == 201


def test_neither_does_going_back_to_the_code_change_what_it_does(
    job: Job,
    caller: Caller,  # noqa: F811
    browser: Client,  # noqa: F811
) -> None:
    refused(caller.post("jobs/films/back-to-code"))
    said = browser.post("/admin/scheduling/job/films/to-code/").content.decode()
    assert "people of the installation" in said
    assert row()["arguments"] == {"value": 1}


def test_a_run_of_a_job_that_was_given_to_others_is_not_repeated(job: Job, caller: Caller, browser: Client) -> None:  # noqa: F811
    run = make_execution(job, state=State.FAILED, started_at=NOON, finished_at=NOON)
    assert caller.post(f"executions/{run.pk}/retry").status_code == 201
    Job.objects.update(tenant="globex")
    assert "others" in refused(caller.post(f"executions/{run.pk}/retry"))
    assert "others" in browser.post(f"/admin/scheduling/execution/{run.pk}/again/").content.decode()
    assert Execution.objects.count() == 2


def test_a_run_that_a_key_has_queued_is_theirs_as_long_as_it_is_of_the_tenant(job: Job, caller: Caller) -> None:  # noqa: F811
    asked = ("POST", "jobs/films/run")
    assert caller.send(*asked, Idempotency_Key="k").status_code == 201
    assert caller.send(*asked, Idempotency_Key="k").status_code == 200
    Execution.objects.update(tenant="globex")
    assert caller.send(*asked, Idempotency_Key="k").status_code == 410


def test_a_condition_tells_nothing_of_a_job_of_others(caller: Caller) -> None:  # noqa: F811
    make_job(id="theirs", tenant="globex")
    for header in ('"0-0"', "*"):
        assert caller.send("PATCH", "jobs/theirs", {"name": "x"}, If_Match=header).status_code == 404


def test_who_deleted_a_job_is_not_told(caller: Caller) -> None:  # noqa: F811
    gone = make_job(id="theirs", tenant="globex")
    store.delete(gone, by="bob", now=NOON)
    for path in ("jobs/theirs", "jobs/theirs/changes"):
        answer = caller.get(path)
        assert answer.status_code == 404
        assert "bob" not in answer.content.decode()


# In the admin


def test_the_form_lets_them_change_when_and_how_it_runs(job: Job, browser: Client) -> None:  # noqa: F811
    page = browser.get("/admin/scheduling/job/films/change/")
    fields = set(page.context["adminform"].form.fields)
    assert not fields & {*FIXED, *SHARED, "ping"}
    posted = filled(page, cron="0 5 * * *", name="Mine", tags="x")
    assert browser.post("/admin/scheduling/job/films/change/", posted).status_code == 302
    job.refresh_from_db()
    assert (job.cron, job.name) == ("0 5 * * *", "Mine")


def test_what_is_posted_for_the_rest_is_passed_over(job: Job, browser: Client) -> None:  # noqa: F811
    before = row()
    page = browser.get("/admin/scheduling/job/films/change/")
    smuggled = {
        **FIXED,
        **SHARED,
        "timeout": "1 h",
        "arguments": '{"value": 2}',
        "ping": "monitor",
        "initial-tenant": "acme",
    }
    assert browser.post("/admin/scheduling/job/films/change/", filled(page, **smuggled)).status_code == 302
    assert row() == before


def test_run_now_takes_no_arguments_from_them(job: Job, browser: Client) -> None:  # noqa: F811
    assert 'name="arguments"' not in browser.get("/admin/scheduling/job/films/run/").content.decode()
    assert browser.post("/admin/scheduling/job/films/run/", {"arguments": '{"value": 2}'}).status_code == 302
    assert Execution.objects.get().arguments == {"value": 1}


def test_pages_lead_to_no_page_that_is_closed_to_them(job: Job, browser: Client) -> None:  # noqa: F811
    run = make_execution(job, state=State.FAILED, started_at=NOON, finished_at=NOON)
    for path in ("", "scheduling/job/", "scheduling/job/films/change/", f"scheduling/execution/{run.pk}/change/"):
        told = browser.get(f"/admin/{path}").content.decode()
        for closed in ("queue", "worker", "calendar", "incident", "noticerule", "notice", "backfill"):
            assert f'href="/admin/scheduling/{closed}/' not in told
        for closed in ("duplicate", "backfill", "add"):
            assert f"{closed}/" not in told.replace("/add_", "")


def test_they_make_tokens_for_themselves_only(browser: Client, caller: Caller) -> None:  # noqa: F811
    store.create_token(User.objects.create_user("bob"), ["read"], name="bob's", by="bob", now=timezone.now())
    assert "bob" not in browser.get("/admin/scheduling/token/").content.decode()
    given = {"name": "mine", "scopes": ["read"], "lasts": "1", "user": User.objects.get(username="bob").pk}
    assert browser.post("/admin/scheduling/token/add/", given).status_code == 200
    assert User.objects.get(username="ada").tokens.count() == 1


# What was before a job was theirs


@pytest.fixture
def adopted(people: People) -> Job:  # noqa: F811
    """A job that was another tenant's, with a run of each, and with a history of both."""
    ahead = {"next_run_time": NOON + HOUR, "fired_until": NOON}
    job = make_job(id="films", tenant="globex", created_at=NOON - 9 * HOUR, cron="0 * * * *", **ahead)
    job.description = "globex's"
    store.change(job, ["description"], by="bob", now=NOON - 5 * HOUR, reason="globex asks")
    ended = {"state": State.FAILED, "started_at": NOON, "finished_at": NOON, "error_class": "globex.Error"}
    make_execution(job, **ended, scheduled_for=NOON - 4 * HOUR)
    job.tenant, job.description = "acme", ""
    store.change(job, ["tenant", "description"], by="bob", now=NOON - 3 * HOUR)
    make_execution(job, **{**ended, "state": State.SUCCEEDED, "error_class": ""}, scheduled_for=NOON - 2 * HOUR)
    return job


def test_runs_and_changes_of_former_owners_are_not_shown(adopted: Job, caller: Caller, browser: Client) -> None:  # noqa: F811
    run, own = Execution.objects.order_by("pk")
    store.pause(adopted, by="ada", now=NOON)
    assert ids(caller.get("executions", job="films")) == [own.pk]
    assert [each["action"] for each in caller.get("jobs/films/changes").json()["items"]] == ["paused"]
    assert caller.get("jobs/films").json()["last_run"]["id"] == own.pk
    for at in ("2026-03-02T08:00Z", "2026-03-02T10:00Z"):
        assert "globex" not in caller.get("jobs/films/explain", at=at).content.decode()
    for path in ("change/", "history/", "why/?at=2026-03-02T08:00Z"):
        told = browser.get(f"/admin/scheduling/job/films/{path}").content.decode()
        assert "globex" not in told
        assert f"/execution/{run.pk}/" not in told
    assert f"/execution/{run.pk}/" not in browser.get("/admin/scheduling/job/").content.decode()


def test_people_of_the_installation_are_told_all_of_it(adopted: Job) -> None:
    run, own = Execution.objects.order_by("pk")
    assert [each.pk for each in latest(["films"])["films"]] == [own.pk, run.pk]
    assert last_runs(["films"])["films"] == own
    assert explain(adopted, NOON - 4 * HOUR, NOON).executions == (run.pk,)
    assert explain_run(run, NOON).executions == (run.pk,)
    assert Change.objects.of_job("films").count() == 2


def test_the_task_is_the_same_whoever_looks() -> None:
    assert make_job().task == ECHO
