"""Rows of several owners for tests, two businesses and the installation itself; each has a mark in its texts."""

from typing import Any

from django.contrib.auth.models import Permission, User

from scheduling import store
from scheduling.models import Execution, Job, LogChunk, State
from tasks.models import TaskRecord
from tasks.social import schedule
from tasks.social.models import Account, Business, Member, Platform, Post, Sync, SyncState
from tests.factories import NOON, make_execution, make_job

OWN, OTHERS, HOUSE = "minemark", "theirmark", "housemark"  # what texts of each owner hold
TASKS = {OWN: "echo", OTHERS: "fail", HOUSE: "sleep"}  # of tests.workload


def rows_of(mark: str) -> dict[str, Any]:
    """A row of each kind that people of a business may see, by the names that addresses have for them."""
    business = Business.objects.create(name=f"{mark} business")
    tenant = "" if mark == HOUSE else business.tenant
    schedule.give(business, schedule.plan(hours=24), by=f"{mark} person", now=NOON)
    job = _job(mark, tenant)
    run = _run(mark, job)
    account = Account.objects.create(business=business, platform=Platform.X, external_id=mark, name=f"{mark} account")
    post = Post.objects.create(account=account, platform_post_id=mark, text=f"{mark} post", seen_at=NOON)
    sync = Sync.objects.create(
        business=business, run=f"{mark} run", state=SyncState.DONE, started_at=NOON, finished_at=NOON
    )
    record = TaskRecord.objects.create(task_name=job.task, execution=run, label=f"{mark} label", error=f"{mark} error")
    if mark == HOUSE:
        TaskRecord.objects.create(task_name=job.task, label=f"{mark} work outside of any run")
    rows = {"job": job, "execution": run, "taskrecord": record, "business": business, "account": account}
    return {**rows, "post": post, "sync": sync}


def member(business: Business, name: str = "ada") -> User:
    """One of the people of `business`, who was given every permission that there is."""
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Member.objects.create(user=user).businesses.add(business)
    return user


def _job(mark: str, tenant: str) -> Job:
    job = make_job(
        id=f"{mark}-job",
        name=f"{mark} name",
        description=f"{mark} description",
        tags=[f"{mark}-tag"],
        task=f"tests.workload.tasks.{TASKS[mark]}",
        arguments={} if mark == OTHERS else {"seconds": 1, "path": ""} if mark == HOUSE else {"value": mark},
        queue="default" if mark == OWN else f"{mark}-queue",
        tenant=tenant,
        code_definition={"name": f"{mark} name in code"},
    )
    store.pause(job, by=f"{mark} person", now=NOON, reason=f"{mark} pause")
    store.resume(job, by=f"{mark} person", now=NOON, reason=f"{mark} resumption")
    return job


def _run(mark: str, job: Job) -> Execution:
    """One that failed, to be returned; and one that runs, one that waits, and one that was skipped."""
    ended = {"started_at": NOON, "finished_at": NOON, "scheduled_for": NOON.replace(hour=9)}
    told = {"reason": f"{mark} reason", "error_class": f"{mark}.Error", "error_message": f"{mark} message"}
    run = make_execution(job, state=State.FAILED, **ended, **told, result={"told": mark}, requested_by=f"{mark} person")
    LogChunk.objects.create(execution=run, text=f"{mark} line")
    make_execution(job, state=State.QUEUED, reason=f"{mark} waits")
    return run
