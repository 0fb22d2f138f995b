"""What a person changes is obeyed within a second, without a restart."""

from datetime import timedelta

from django.utils import timezone

from scheduling import store
from scheduling.models import Cause, Execution, Job, State
from tests.acceptance.rota import Rota


def test_a_changed_trigger_is_obeyed_within_a_second(rota: Rota) -> None:
    job = rota.job("echo", trigger="interval", interval=timedelta(hours=1))
    rota.start()
    job.trigger, job.cron = "cron", "* * * * * *"
    store.change(job, ["trigger", "cron"], by="ada", now=timezone.now())
    rota.until(lambda: Execution.objects.count() >= 1, within=2)  # within a second, and the wait for the next one


def test_run_now_starts_at_once(rota: Rota) -> None:
    job = rota.job("echo", arguments={"value": 3}, trigger="interval", interval=timedelta(hours=1))
    rota.start()
    run = store.enqueue(job, now=timezone.now(), by="ada", arguments={"value": 4})
    rota.ended(run, within=1)
    assert (run.result, run.requested_by, run.why) == (4, "ada", "run_now")


def test_a_paused_job_rests_until_it_is_resumed(rota: Rota) -> None:
    job = rota.job("echo", trigger="cron", cron="* * * * * *")
    rota.start()
    rota.until(lambda: Execution.objects.filter(state=State.SUCCEEDED).exists())
    store.pause(job, by="ada", now=timezone.now(), reason="the upstream is down")
    rota.until(lambda: not Execution.objects.filter(state__in=["queued", "running"]).exists())
    before = Execution.objects.count()
    now = store.enqueue(job, now=timezone.now(), by="ada")  # by hand it runs all the same
    rota.ended(now)
    rested = timezone.now() + timedelta(seconds=2)
    rota.until(lambda: timezone.now() > rested)
    assert Execution.objects.count() == before + 1
    store.resume(job, by="ada", now=timezone.now())
    rota.until(lambda: Execution.objects.count() > before + 1, within=2)


def test_a_job_whose_task_is_gone_is_parked_and_the_others_run(rota: Rota) -> None:
    rota.job("echo", id="good", trigger="cron", cron="* * * * * *")
    bad = rota.job("echo", id="bad", trigger="cron", cron="* * * * * *")
    Job.objects.filter(pk=bad.pk).update(task="os.system")
    rota.start()
    rota.until(lambda: Job.objects.get(pk="bad").parked_reason)
    rota.until(lambda: Execution.objects.filter(job="good", state=State.SUCCEEDED).exists())
    assert "os.system" in Job.objects.get(pk="bad").parked_reason
    rows = Execution.objects.filter(job="bad")
    assert {(row.state, row.cause) for row in rows} == {(State.SKIPPED, Cause.PARKED)}
    assert all("os.system" in row.reason for row in rows)
