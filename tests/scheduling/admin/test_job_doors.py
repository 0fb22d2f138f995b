"""Run now, pause, resume, duplicate, back to code: what comes of them."""

from datetime import timedelta

import pytest
from django.test import Client

from scheduling.admin import columns
from scheduling.models import Change, Execution, Job
from tests.factories import NOON, make_job
from tests.scheduling.admin.conftest import Staff

LIST = "/admin/scheduling/job/"


def test_run_now_is_asked_with_the_arguments_of_the_job(boss: Client) -> None:
    job = make_job(arguments={"value": "ü"})
    assert boss.get(columns.page(job, "run")).context["form"]["arguments"].value() == '{\n  "value": "ü"\n}'


def test_run_now_takes_other_arguments_for_once(boss: Client) -> None:
    job = make_job(arguments={"value": 1})
    response = boss.post(columns.page(job, "run"), {"arguments": '{"value": 2}'})
    run = Execution.objects.get()
    assert (run.arguments, run.requested_by, run.why) == ({"value": 2}, "admin", "run_now")
    assert response["Location"] == columns.page(run)
    job.refresh_from_db()
    assert job.arguments == {"value": 1}


@pytest.mark.parametrize("arguments", ["{", "[1]", '{"unknown": 1}'])
def test_run_now_refuses_arguments_that_do_not_fit(boss: Client, arguments: str) -> None:
    response = boss.post(columns.page(make_job(), "run"), {"arguments": arguments})
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not Execution.objects.exists()


def test_run_now_leads_who_may_not_see_runs_back_to_the_job(staff: Staff) -> None:
    job = make_job()
    response = staff("run_job", "view_job", seeing=False).post(columns.page(job, "run"), {"arguments": "{}"})
    assert response["Location"] == columns.page(job)


def test_pause_and_resume_keep_who_and_why(boss: Client) -> None:
    job = make_job()
    boss.post(columns.page(job, "pause"), {"reason": "The vendor is down"})
    job.refresh_from_db()
    assert (job.paused_by, job.paused_reason, job.next_run_time) == ("admin", "The vendor is down", None)
    boss.post(columns.page(job, "resume"), {"reason": "It is back"})
    job.refresh_from_db()
    assert job.paused_at is None
    assert job.next_run_time is not None
    assert list(Change.objects.values_list("action", "reason")) == [
        ("resumed", "It is back"),
        ("paused", "The vendor is down"),
    ]


def test_many_jobs_are_paused_after_a_question(boss: Client) -> None:
    jobs = [make_job().pk, make_job().pk]
    sent = {"action": "pause_selected", "_selected_action": jobs, "index": "0"}
    asked = boss.post(LIST, sent)
    assert "Pause 2 jobs?" in asked.text
    assert not Job.objects.exclude(paused_at=None).exists()
    boss.post(LIST, {**sent, **dict(asked.context["hidden"]), "_selected_action": jobs, "reason": "Holidays"})
    assert set(Job.objects.values_list("paused_reason", flat=True)) == {"Holidays"}


def test_many_jobs_run_now_and_one_that_cannot_is_named(boss: Client) -> None:
    jobs = [make_job().pk, make_job(task="gone.tasks.echo").pk]
    response = boss.post(LIST, {"action": "run_selected", "_selected_action": jobs, "index": "0"}, follow=True)
    assert Execution.objects.get().job_id == jobs[0]
    assert "1 run queued." in response.text
    assert "gone.tasks.echo" in response.text


def test_a_copy_is_paused_and_belongs_to_nobodys_code(boss: Client) -> None:
    job = make_job(tags=["x"], code_definition={"priority": 0}, origin="code", end_at=NOON + timedelta(days=9999))
    boss.post(columns.page(job, "duplicate"), {"id": "copy", "name": "Copy"})
    copy = Job.objects.get(pk="copy")
    assert (copy.tags, copy.cron, copy.end_at) == (job.tags, job.cron, job.end_at)
    assert (copy.origin, copy.code_definition, copy.next_run_time) == ("admin", None, None)
    assert copy.paused_at is not None


def test_a_copy_needs_an_id_of_its_own(boss: Client) -> None:
    job = make_job()
    response = boss.post(columns.page(job, "duplicate"), {"id": job.pk, "name": "Copy"})
    assert response.context["form"].non_field_errors()
    assert Job.objects.count() == 1


def test_back_to_code_says_what_differs(boss: Client) -> None:
    job = make_job(priority=7, code_definition={"priority": 3, "description": ""})
    asked = boss.get(columns.page(job, "to_code"))
    assert asked.context["question"].table == [("Priority", "7", "3")]
    boss.post(columns.page(job, "to_code"))
    job.refresh_from_db()
    assert job.priority == 3
    assert columns.page(job, "to_code") not in boss.get(columns.page(job)).text


def test_back_to_code_tells_values_as_the_history_does(boss: Client) -> None:
    defined = {
        "interval": 3600.0,
        "timeout": None,
        "coalesce": False,
        "tags": ["a"],
        "arguments": {"token": "abc-secret"},
    }
    interval = {"trigger": "interval", "cron": "", "interval": timedelta(hours=2)}
    job = make_job(code_definition=defined, timeout=timedelta(minutes=15), **interval)
    asked = boss.get(columns.page(job, "to_code"))
    table = {name: (mine, code) for name, mine, code in asked.context["question"].table}
    assert table["Interval"] == ("2 h", "1 h")
    assert table["Timeout"] == ("15 min", "—")
    assert table["Coalesce"] == ("yes", "no")
    assert table["Tags"] == ("[]", '["a"]')
    assert "abc-secret" not in asked.text


def test_doors_work_for_ids_with_any_letters(boss: Client) -> None:
    job = make_job(id="a_3Ab:c.d-e")
    assert boss.post(columns.page(job, "pause"), {"reason": ""}).status_code == 302
    job.refresh_from_db()
    assert job.paused_at is not None
    page = boss.get(columns.page(job)).text
    assert columns.page(job, "resume") in page
    assert columns.page(job, "pause") not in page


def test_the_history_tells_old_and_new(boss: Client) -> None:
    job = make_job()
    fields = {"timeout": [None, "P0DT00H15M00S"], "arguments": [{"token": "abc-secret"}, {}], "coalesce": [True, False]}
    Change.objects.create(job=job, action="changed", by="ada", reason="Too slow", fields=fields)
    text = boss.get(columns.page(job, "history")).text
    for words in ("ada", "Too slow", "15 min", "Changed", "yes", "no"):
        assert words in text
    assert "abc-secret" not in text


def test_the_history_folds_what_a_job_was_made_with(boss: Client) -> None:
    job = make_job()
    made = {
        "name": [None, "Films"],
        "timeout": [None, "P0DT00H15M00S"],
        "queue": [None, None],
        "description": [None, ""],
    }
    gone = {"name": ["Films", None], "arguments": [{"token": "abc-secret"}, None]}
    for action, fields in (("created", made), ("deleted", gone), ("created", {})):
        Change.objects.create(job=job, action=action, by="ada", fields=fields)
    text = " ".join(boss.get(columns.page(job, "history")).text.split())
    assert text.count("<summary>2 values</summary>") == 2
    assert '<span class="rota-code">15 min</span>' in text
    assert text.count('<span class="rota-code">Films</span>') == 2
    assert "Description" not in text
    assert "→" not in text
    assert "abc-secret" not in text
    assert '<td class="rota-value"> — </td>' in text
