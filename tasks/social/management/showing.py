"""social status, businesses: what the last syncs came to, and which businesses there are."""

from datetime import datetime
from typing import Any

from django.db.models import Count
from django.utils import timezone
from rich.text import Text

from scheduling.management.composed import add_deed
from scheduling.management.telling import NOTHING, away, put, put_json, table
from tasks.social import schedule, told
from tasks.social.models import Account, Business, Standing, Sync, SyncState

NOT_WELL = 1
COLOURS = {SyncState.RUNNING: "blue", SyncState.DONE: "green", SyncState.FAILED: "red"}
EMPTY = "There are no businesses; make one in the admin."


def add_parsers(deeds: Any) -> None:
    codes = "Exit code 0: all is well. 1: a last sync failed or had failures, or an account is not let in."
    add_deed(deeds, "status", status, "show what the last sync of each business came to", codes)
    add_deed(deeds, "businesses", businesses, "list businesses with their numbers, accounts and schedules")


def status(given: dict[str, Any], out: Any) -> None:
    now, rows = timezone.now(), list(Business.objects.order_by("pk"))
    last = told.latest_of(each.pk for each in rows)
    shut_out = list(
        Account.objects.without_tokens()
        .select_related("business")
        .filter(is_active=True, business__is_active=True)
        .exclude(standing=Standing.CONNECTED)
    )
    if given["json"]:
        put_json(out, [_status(each, last.get(each.pk), shut_out, now) for each in rows])
    else:
        drawn = table("#", "BUSINESS", "STATE", "LAST SYNC", "WHEN", "ERROR", wraps=["BUSINESS", "ERROR"], right=["#"])
        for each in rows:
            drawn.add_row(*_row(each, last.get(each.pk), now))
        put(out, drawn if rows else EMPTY, *map(_shut_out, shut_out))
    if shut_out or any(sync.failures or sync.state == SyncState.FAILED for sync in last.values()):
        raise SystemExit(NOT_WELL)


def businesses(given: dict[str, Any], out: Any) -> None:
    now, rows = timezone.now(), list(Business.objects.order_by("pk").annotate(account_count=Count("accounts")))
    jobs = schedule.jobs_of(each.pk for each in rows)
    if given["json"]:
        put_json(out, [_business(each, jobs.get(each.pk)) for each in rows])
        return
    drawn = table("#", "BUSINESS", "ACCOUNTS", "SYNCED", "NEXT", wraps=["BUSINESS"], right=["#", "ACCOUNTS"])
    for each in rows:
        job = jobs.get(each.pk)
        hourly = ["hourly"] if each.in_hourly_sync else []
        how = ", ".join([*hourly, *([job.words] if job else [])]) if each.is_active else "not active"
        drawn.add_row(
            *(str(each.pk), each.name, str(each.account_count), how or "only when asked"),
            away(job.next_run_time if job else None, now),
        )
    put(out, drawn if rows else EMPTY)


def _row(business: Business, sync: Sync | None, now: datetime) -> tuple[str | Text, ...]:
    if sync is None:
        return str(business.pk), business.name, Text("never", "dim"), NOTHING, NOTHING, ""
    state = SyncState(sync.state)
    colour = "yellow" if state is SyncState.DONE and sync.failures else COLOURS[state]
    when = away(sync.started_at, now)
    return str(business.pk), business.name, Text(state.value, colour), told.outcome(sync), when, sync.error


def _shut_out(account: Account) -> Text:
    said = f": {account.problem}" if account.problem else ""
    return Text(f"{account} of {account.business} is not let in ({account.get_standing_display()}){said}", "red")


def _status(business: Business, sync: Sync | None, shut_out: list[Account], now: datetime) -> dict[str, Any]:
    columns = ("state", "started_at", "finished_at", "posts_total", "posts_synced", "failures", "error", "execution")
    of_sync = {name: getattr(sync, name) for name in columns} if sync else None
    named = [str(each) for each in shut_out if each.business_id == business.pk]
    return {"id": business.pk, "name": business.name, "last_sync": of_sync, "not_let_in": named}


def _business(business: Any, job: Any) -> dict[str, Any]:
    same = {name: getattr(business, name) for name in ("id", "name", "is_active", "in_hourly_sync")}
    own = {"job": job.pk, "schedule": job.words, "next_run_time": job.next_run_time} if job else None
    return {**same, "accounts": business.account_count, "own_schedule": own}
