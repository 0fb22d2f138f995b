"""Who lacks a permission does not see the button, gets 403 for its address and its form, and changes nothing."""

import pytest
from django.test import Client

from scheduling.admin import columns
from scheduling.models import Change, Execution, Job, State
from tests.factories import NOON, make_execution, make_job
from tests.scheduling.admin.conftest import Staff

pytestmark = pytest.mark.sqlite_only

DOORS: tuple[tuple[str, str, dict[str, str]], ...] = (  # of a job: its name, the permission that opens it, what is sent
    ("run", "run_job", {"arguments": "{}"}),
    ("pause", "pause_job", {"reason": "quiet"}),
    ("resume", "pause_job", {"reason": ""}),
    ("skip", "pause_job", {"reason": ""}),
    ("duplicate", "add_job", {"id": "copy", "name": "Copy"}),
    ("recompute", "change_job", {}),
    ("to-code", "change_job", {}),
    ("delete", "delete_job", {"post": "yes"}),
)
ALL = {permission for _, permission, _ in DOORS}
BULK = (("run_selected", "run_job"), ("pause_selected", "pause_job"), ("resume_selected", "pause_job"))
LIST = "/admin/scheduling/job/"


def address(job: Job, door: str) -> str:
    return columns.page(job).replace("/change/", f"/{door}/")


def the_world() -> tuple[object, ...]:
    """All that a deed could have changed."""
    return (list(Job.objects.values()), list(Execution.objects.values()), Change.objects.count())


@pytest.mark.parametrize(("door", "permission", "sent"), DOORS)
def test_without_its_permission_a_door_of_a_job_is_shut(
    staff: Staff, door: str, permission: str, sent: dict[str, str]
) -> None:
    job = make_job()
    browser = staff(*ALL - {permission})
    before = the_world()
    assert browser.get(address(job, door)).status_code == 403
    assert browser.post(address(job, door), sent).status_code == 403
    assert the_world() == before
    assert address(job, door) not in browser.get(columns.page(job)).text
    assert address(job, door) not in browser.get(LIST).text


@pytest.mark.parametrize(("door", "permission", "sent"), DOORS)
def test_its_permission_opens_a_door_of_a_job(staff: Staff, door: str, permission: str, sent: dict[str, str]) -> None:
    job = make_job(code_definition={"priority": 9})
    browser = staff(permission, "view_job")
    assert browser.get(address(job, door)).status_code == 200
    if door != "resume":
        assert address(job, door) in browser.get(columns.page(job)).text
    assert browser.post(address(job, door), sent).status_code == 302


@pytest.mark.parametrize("door", [door for door, _, _ in DOORS])
def test_a_door_of_a_job_only_asks_by_get(boss: Client, door: str) -> None:
    job = make_job(code_definition={"priority": 9})
    before = the_world()
    assert boss.get(address(job, door), {"arguments": "{}", "post": "yes", "reason": "x"}).status_code == 200
    assert the_world() == before


@pytest.mark.parametrize(("action", "permission"), BULK)
def test_an_action_on_many_jobs_needs_its_permission(staff: Staff, action: str, permission: str) -> None:
    job = make_job()
    sent = {"action": action, "_selected_action": [job.pk], "sure": "yes", "reason": "", "index": "0"}
    before = the_world()
    browser = staff(*ALL - {permission})
    assert browser.post(LIST, sent).status_code == 403
    assert the_world() == before
    assert f'value="{action}"' not in browser.get(LIST).text
    assert staff(permission).post(LIST, sent).status_code == 302


def test_an_action_that_is_nobodys_is_refused(boss: Client) -> None:
    assert boss.post(LIST, {"action": "made_up", "_selected_action": ["x"], "index": "0"}).status_code == 403


@pytest.mark.parametrize(("door", "permission"), [("cancel", "cancel_execution"), ("again", "run_job")])
def test_without_its_permission_a_door_of_a_run_is_shut(staff: Staff, door: str, permission: str) -> None:
    run = make_execution(make_job())
    shut, opened = staff(*{"cancel_execution", "run_job"} - {permission}), staff(permission)
    here = columns.page(run, door)
    before = the_world()
    assert (shut.get(here).status_code, shut.post(here).status_code) == (403, 403)
    assert opened.get(here).status_code == 200
    assert the_world() == before
    assert here not in shut.get(columns.page(run)).text
    assert here in opened.get(columns.page(run)).text
    assert opened.post(here).status_code == 302
    assert the_world() != before


def test_doors_are_shut_to_who_may_not_even_look(staff: Staff) -> None:
    job = make_job()
    run = make_execution(job)
    browser = staff("run_job", "pause_job", "cancel_execution", "add_job", seeing=False)
    before = the_world()
    for here in (address(job, "run"), address(job, "pause"), columns.page(run, "cancel"), columns.page(run, "again")):
        assert browser.post(here, {"arguments": "{}"}).status_code == 403
    assert browser.get(columns.page(run, "live")).status_code == 403
    assert the_world() == before


@pytest.mark.parametrize("verb", ["add", "change", "delete"])
def test_nobody_changes_history(boss: Client, verb: str) -> None:
    run = make_execution(make_job(), state=State.SUCCEEDED, started_at=NOON, finished_at=NOON)
    here = "/admin/scheduling/execution/add/" if verb == "add" else columns.page(run, verb)
    before = the_world()
    assert boss.post(here, {"state": "failed", "post": "yes"}).status_code == 403
    assert the_world() == before


def test_saving_needs_the_permission_to_change(staff: Staff) -> None:
    job = make_job()
    before = the_world()
    assert staff("run_job", "pause_job").post(columns.page(job), {"name": "Mine"}).status_code == 403
    assert staff("change_job").post("/admin/scheduling/job/add/", {"id": "new"}).status_code == 403
    assert the_world() == before


@pytest.mark.parametrize("page", ["preview", "task_help"])
def test_the_preview_is_for_who_may_edit(staff: Staff, page: str) -> None:
    here = f"/admin/scheduling/job/{page.replace('_', '-')}/"
    assert staff("run_job").get(here).status_code == 403
    assert staff("add_job").get(here).status_code == 200
    assert staff("change_job").get(here).status_code == 200
    assert staff("change_job").post(here).status_code == 405


def test_strangers_are_sent_to_the_login(client: Client, db: None) -> None:
    job = make_job()
    run = make_execution(job)
    for here in ("/admin/", LIST, address(job, "run"), columns.page(run), columns.page(run, "live")):
        assert client.get(here)["Location"].startswith("/admin/login/")
        assert client.post(here)["Location"].startswith("/admin/login/")
    assert Execution.objects.count() == 1


def test_the_dashboard_shows_what_one_may_see(staff: Staff) -> None:
    make_job(name="Nobody's business")
    assert "Nobody" not in staff("view_worker", seeing=False).get("/admin/").text
    assert "Nobody" in staff("view_job", seeing=False).get("/admin/").text
    assert "What you may see" in staff(seeing=False).get("/admin/").text
