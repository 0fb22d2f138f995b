"""Backfill as its operator meets it: the command as a process, real schedulers, and a schedule that goes on."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from scheduling import store
from scheduling.admin import columns
from scheduling.models import Backfill, BackfillState, Cause, Execution, Job, Overlap, State, Why
from tests.acceptance.rota import PATIENCE, ROOT, Rota

MINUTELY = {"trigger": "cron", "cron": "* * * * *"}


def command(rota: Rota, *options: str) -> "subprocess.CompletedProcess[str]":
    """`manage.py backfill` from start to end, with nobody at the keyboard."""
    return subprocess.run(
        [sys.executable, "manage.py", "backfill", *options],
        cwd=ROOT,
        env=rota.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def past(minutes: int) -> tuple[str, str]:
    """The options for the last so many minutes, but for the present one."""
    last = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=1)
    return f"--from={(last - timedelta(minutes=minutes - 1)).isoformat()}", f"--to={last.isoformat()}"


def begin(job: Job, minutes: int, **options: object) -> Backfill:
    now = timezone.now()
    wanted = Backfill(job=job, first_at=now - timedelta(minutes=minutes), last_at=now - timedelta(seconds=1), **options)
    return store.backfill(wanted, by="test", now=now)


def state(backfill: Backfill) -> str:
    return Backfill.objects.values_list("state", flat=True).get(pk=backfill.pk)


def test_the_command_runs_each_moment_once_and_then_none(rota: Rota) -> None:
    rota.job("note", id="notes", arguments={"path": rota.path("seen")}, **MINUTELY)
    rota.start()
    rota.start()
    done = command(rota, "notes", *past(12), "--at-once=3", "--yes", "--json", "--reason=the feed was down")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["state"], told["total"], told["succeeded"]) == ("done", 12, 12)
    moments = [datetime.fromisoformat(line.split(" ", 1)[1].rsplit(" ", 1)[0]) for line in rota.lines("seen")]
    backfilled = [moment for moment in moments if moment < timezone.now() - timedelta(minutes=1)]
    assert len(set(backfilled)) == 12
    again = command(rota, "notes", *past(12), "--yes")
    assert again.returncode == 0
    assert "0 to run" in again.stdout or "1 to run" in again.stdout  # where the minute has just turned


def test_the_command_says_that_some_failed(rota: Rota) -> None:
    rota.job("fail", id="bad", **MINUTELY)
    rota.start()
    done = command(rota, "bad", *past(3), "--yes")
    assert (done.returncode, "3 failed" in done.stdout) == (1, True), done.stderr


def test_who_leaves_the_command_leaves_the_backfill_going_and_can_stop_it(rota: Rota) -> None:
    job = rota.job("sleep", id="slow", arguments={"seconds": 0.3}, **MINUTELY)
    rota.start()
    watching = rota.launch("backfill", job.pk, *past(500), "--yes")
    rota.until(lambda: Execution.objects.filter(why=Why.BACKFILL, state=State.SUCCEEDED).exists())
    assert rota.stop(watching, signal.SIGINT) == 130
    backfill = Backfill.objects.get()
    assert f"--stop {backfill.pk}" in rota.log.read_text()
    assert state(backfill) == BackfillState.GOING
    assert command(rota, f"--stop={backfill.pk}").returncode == 0
    assert state(backfill) == BackfillState.STOPPED
    rota.until(lambda: not backfill.runs.running().exists())
    count = backfill.runs.count()
    rested = timezone.now() + timedelta(seconds=2)
    rota.until(lambda: timezone.now() > rested)
    assert (backfill.runs.count(), backfill.runs.queued().count()) == (count, 0)


def test_the_schedule_does_not_notice_a_backfill_beside_it(rota: Rota) -> None:
    job = rota.job("echo", id="ticks", trigger="cron", cron="* * * * * *", overlap=Overlap.SKIP)
    slow = rota.job("sleep", id="slow", arguments={"seconds": 0.5}, **MINUTELY)
    rota.start()
    rota.until(lambda: job.executions.filter(state=State.SUCCEEDED).exists())
    begun = timezone.now()
    backfills = begin(job, 1, at_once=2, alongside=True), begin(slow, 10, at_once=3)
    rota.until(lambda: all(state(each) == BackfillState.DONE for each in backfills))
    ended = timezone.now()
    rows = Execution.objects.filter(job=job.pk, scheduled_for__gt=begun, scheduled_for__lt=ended - timedelta(seconds=1))
    assert rows.count() >= (ended - begun).total_seconds() - 3
    assert not rows.exclude(state__in=[State.SUCCEEDED, State.RUNNING, State.QUEUED]).exists()
    assert not rows.filter(cause=Cause.LATE).exists()


def test_a_due_moment_waits_for_the_run_of_a_backfill_that_holds_its_place(rota: Rota) -> None:
    job = rota.job("sleep", id="slow", arguments={"seconds": 1.5}, overlap=Overlap.SKIP, **MINUTELY)
    begin(job, 3)
    rota.start()
    rota.until(lambda: Execution.objects.running().filter(why=Why.BACKFILL).exists())
    Job.objects.filter(pk=job.pk).update(trigger="cron", cron="* * * * * *", next_run_time=timezone.now())
    row = rota.until(lambda: Execution.objects.filter(job=job.pk, scheduled_for__isnull=False).order_by("id").first())
    assert row is not None
    assert rota.ended(row).state == State.SUCCEEDED


def test_no_moment_is_lost_or_run_twice_though_the_scheduler_is_killed(rota: Rota) -> None:
    job = rota.job("note", id="notes", arguments={"path": rota.path("seen")}, idempotent=True, **MINUTELY)
    backfill = begin(job, 30, at_once=3)
    first = rota.start()
    rota.until(lambda: backfill.runs.filter(state=State.SUCCEEDED).count() > 5)
    first.kill()
    rota.start()
    rota.until(lambda: state(backfill) == BackfillState.DONE)
    well = backfill.runs.filter(state=State.SUCCEEDED)
    assert well.count() == well.values("stands_for").distinct().count() == 30


@pytest.mark.browser
def test_staff_begin_one_watch_it_and_stop_it(rota: Rota, window: Callable[..., Page]) -> None:
    job = rota.job("sleep", id="slow", arguments={"seconds": 0.5}, trigger="cron", cron="*/5 * * * *")
    page = window()
    page.goto(columns.page(job, "backfill"))
    expect(page.get_by_text(re.compile("28[89] of 28[89] moments will run"))).to_be_visible()
    page.locator("#id_first_at").fill("1990-01-01T00:00:00")
    expect(page.locator(".rota-preview-error")).to_contain_text("choose a shorter range")
    page.locator("#id_first_at").fill(f"{timezone.now() - timedelta(hours=2):%Y-%m-%dT%H:%M:%S}")
    expect(page.get_by_text(re.compile("2[45] of 2[45] moments will run"))).to_be_visible()
    assert not Backfill.objects.exists()
    page.get_by_role("button", name="Start the backfill").click()
    expect(page.get_by_text(re.compile("^0 of 2[45] moments"))).to_be_visible()
    rota.start()
    expect(page.locator(".rota-timeline .rota-green")).to_be_visible(timeout=PATIENCE * 1000)
    page.get_by_role("link", name="Stop").click()
    page.get_by_role("button", name="Stop it").click()
    expect(page.locator(".rota-head")).to_contain_text("Stopped")
    backfill = Backfill.objects.get()
    assert (backfill.state, backfill.ended_by) == (BackfillState.STOPPED, "admin")
    rota.until(lambda: not backfill.runs.running().exists())
    expect(page.locator("[data-refresh]")).to_have_count(0, timeout=PATIENCE * 1000)
