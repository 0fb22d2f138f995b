"""/analytics: what the last syncs came to, which businesses there are, and figures over time."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from scheduling.api.auth import needs
from scheduling.api.paging import Page, cut
from scheduling.api.problems import missing, refusals
from scheduling.api.schemas.schedules import refused
from scheduling.api.shapes import BIGGEST, Moment
from scheduling.models import Execution, Job, Scope
from scheduling.redact import plain
from tasks.social import schedule, series, told
from tasks.social.api.finding import found
from tasks.social.models import Account, Business, Failure, Platform, Post, Sync, SyncState

router = Router(tags=["analytics"])

MOST_ERRORS = 500
MOST_BUSINESSES = 500  # in one answer
AT_FIRST = timedelta(days=14)  # of a series for which nothing is said
LONGEST = timedelta(days=3660)
SEE_SYNCS = needs("social.view_sync", scope=Scope.READ)
SEE_BUSINESSES = needs("social.view_business", scope=Scope.READ)
SEE_POSTS = needs("social.view_post", scope=Scope.READ)

SUMMED = ("posts_total", "posts_synced", "failures")
NEVER = {
    **{"status": None, "message": "It was never synced.", "error": "", **dict.fromkeys(SUMMED, 0)},
    **dict.fromkeys(("started_at", "finished_at", "seconds", "execution")),
}
Id = Annotated[int, Field(ge=1, le=BIGGEST)]


class Metric(StrEnum):
    """A figure of posts; the engagement is a ratio."""

    IMPRESSIONS = "impressions"
    REACH = "reach"
    LIKES = "likes"
    COMMENTS = "comments"
    SHARES = "shares"
    SAVES = "saves"
    CLICKS = "clicks"
    VIDEO_VIEWS = "video_views"
    ENGAGEMENT = "engagement"


class SyncError(Schema):
    """What went wrong, of a post or of a whole account."""

    business_id: int
    account_id: int
    account: str = Field(examples=["LinkedIn Sea Breeze"])
    platform: Platform
    platform_post_id: str = Field(description="Empty: of the whole account.")
    code: str = Field(description="The platform's own word for it.", examples=["190"])
    message: str
    at: datetime


class SyncTold(Schema):
    """The last sync of a business."""

    business_id: int
    business: str
    status: SyncState | None = Field(description="Null: it was never synced.")
    message: str = Field(examples=["45/50 posts synced, 5 failures in 120.45 s"])
    posts_total: int
    posts_synced: int
    failures: int
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None = Field(description="How long it took, or has taken so far.")
    execution: int | None = Field(
        description="The run, of which `/api/v1/executions/{id}` has the rest; null if it is not kept, or not for "
        "people of this business alone."
    )
    error: str = Field(description="What ended it early.")


class Refreshed(Schema):
    """What the last syncs came to, and what went wrong in them."""

    posts_total: int
    posts_synced: int
    failures: int
    syncs: list[SyncTold] = Field(description="One of each business.")
    errors: list[SyncError]
    more_errors: bool = Field(description=f"Whether there are more than these {MOST_ERRORS}.")


class BusinessSchema(Schema):
    """A business and its schedule."""

    id: int
    name: str
    is_active: bool
    in_hourly_sync: bool
    accounts: int
    posts: int
    job_id: str | None = Field(description="Of its own schedule; null if it has none.")
    next_run_time: datetime | None = Field(description="Of its own schedule.")


class Businesses(Schema):
    """Businesses, the newest first."""

    items: list[BusinessSchema]
    next: int | None = Field(description="Send it as `cursor` for the next page; null at the end.")


class Point(Schema):
    """A figure at a moment."""

    at: datetime
    value: int | float | None = Field(description="Null: no platform told it.")


class Series(Schema):
    """A figure over time: what the posts had altogether at each moment."""

    metric: Metric
    step: float = Field(description="Seconds from one point to the next; the last one is now.")
    points: list[Point]


class SeriesWanted(Schema):
    """Of what, which figure, and from when on."""

    business_id: Id | None = Field(None, description="Of all posts of this business.")
    account_id: Id | None = Field(None, description="Of all posts of this account.")
    post_id: Id | None = Field(None, description="Of this post.")
    metric: Metric = Field(Metric.IMPRESSIONS, description="Which figure.")
    since: Moment | None = Field(None, description="From when on; the last 14 days if nothing is said.")

    def posts(self, request: HttpRequest) -> QuerySet[Post]:
        """Raises Problem, where the person who asks sees nothing of that kind, too."""
        named = {"account__business": self.business_id, "account": self.account_id, "pk": self.post_id}
        given = {path: key for path, key in named.items() if key is not None}
        if not given:
            raise refused("business_id", "Name a business, an account or a post.")
        if self.metric == series.ENGAGEMENT and self.post_id is None:
            raise refused("metric", "The engagement is a ratio, and told of a single post only; name a post.")
        if self.business_id is not None:
            found(request, self.business_id)
        if self.account_id is not None and not Account.objects.seen_by(request.user).filter(pk=self.account_id):
            raise missing(f"There is no account {self.account_id}.")
        rows = Post.objects.seen_by(request.user).filter(**given)
        if self.post_id is not None and not rows.exists():
            raise missing(f"There is no post {self.post_id}.")
        return rows


@router.get(
    "/refresh",
    response={200: Refreshed, **refusals(404)},
    auth=SEE_SYNCS,
    operation_id="get_last_sync",
    summary="Show the last sync and its errors",
)
def refresh(
    request: HttpRequest,
    business_id: Annotated[
        int | None, Query(ge=1, le=BIGGEST, description="Of this business; without it, of all.", examples=[1])
    ] = None,
) -> dict[str, Any]:
    """What the last sync of a business, or of each, came to, with its errors. It only tells, and starts nothing."""
    rows = Business.objects.seen_by(request.user).order_by("pk")
    businesses = [found(request, business_id)] if business_id is not None else list(rows[:MOST_BUSINESSES])
    last, now = told.latest_of(each.pk for each in businesses), timezone.now()
    there = Execution.objects.seen_by(request.user).filter(pk__in=[sync.execution for sync in last.values()])
    runs = set(there.order_by().values_list("pk", flat=True))
    errors = list(told.failures_of(last.values())[: MOST_ERRORS + 1])
    return {
        **{name: sum(getattr(sync, name) for sync in last.values()) for name in SUMMED},
        "syncs": [_sync(business, last.get(business.pk), runs, now) for business in businesses],
        "errors": [_error(each) for each in errors[:MOST_ERRORS]],
        "more_errors": len(errors) > MOST_ERRORS,
    }


@router.get(
    "/businesses",
    response={200: Businesses, **refusals()},
    auth=SEE_BUSINESSES,
    operation_id="list_businesses",
    summary="List businesses",
)
def businesses(request: HttpRequest, page: Page) -> dict[str, Any]:
    """Those whose numbers other addresses call `business_id`, the newest first."""
    posts = Post.objects.filter(account__business=OuterRef("pk")).order_by().values("account__business")
    rows = Business.objects.seen_by(request.user).annotate(
        account_count=Count("accounts"), post_count=Subquery(posts.annotate(count=Count("pk")).values("count"))
    )
    cut_out = cut(rows, page)
    jobs = schedule.jobs_of(each.pk for each in cut_out["items"])
    return {**cut_out, "items": [_business(each, jobs.get(each.pk)) for each in cut_out["items"]]}


@router.get(
    "/series",
    response={200: Series, **refusals(404)},
    auth=SEE_POSTS,
    operation_id="get_series",
    summary="Show figures over time",
)
def figures(request: HttpRequest, wanted: Query[SeriesWanted]) -> dict[str, Any]:
    """What the posts of a business, of an account, or one post had altogether, at a hundred moments at most."""
    now = timezone.now()
    since = wanted.since or now - AT_FIRST
    if not timedelta() < now - since <= LONGEST:
        raise refused("since", "It must lie in the past, by ten years at most.")
    when = series.moments(since, now, series.step_for(now - since))
    values = series.line(wanted.posts(request), wanted.metric.value, when)
    points = [{"at": at, "value": value} for at, value in zip(when.ends, values, strict=True)]
    return {"metric": wanted.metric, "step": when.step.total_seconds(), "points": points}


def _sync(business: Business, sync: Sync | None, runs: set[int], now: datetime) -> dict[str, Any]:
    who = {"business_id": business.pk, "business": business.name}
    if sync is None:
        return {**NEVER, **who}
    same = {name: getattr(sync, name) for name in (*SUMMED, "started_at", "finished_at")}
    run = sync.execution if sync.execution in runs else None
    words = {"status": sync.state, "message": told.outcome(sync), "error": plain(sync.error)}
    return {**who, **same, **words, "seconds": told.seconds_of(sync, now), "execution": run}


def _error(failure: Failure) -> dict[str, Any]:
    account = failure.account
    return {
        "business_id": account.business_id,
        "account_id": account.pk,
        "account": str(account),
        "platform": account.platform,
        "platform_post_id": failure.platform_post_id,
        "code": failure.code,
        "message": plain(failure.message),
        "at": failure.at,
    }


def _business(business: Any, job: Job | None) -> dict[str, Any]:
    same = {name: getattr(business, name) for name in ("id", "name", "is_active", "in_hourly_sync")}
    counts = {"accounts": business.account_count, "posts": business.post_count or 0}
    return {**same, **counts, "job_id": job and job.pk, "next_run_time": job and job.next_run_time}
