"""Businesses: how their last syncs went, when the next one comes, and how their figures grow."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.standing import Standing, because, standing
from tasks.social import schedule, told
from tasks.social.admin import charts
from tasks.social.admin.business_doors import BusinessDoors
from tasks.social.admin.pages import NOTHING, is_confined, standing_badge, sync_badge, sync_cell
from tasks.social.models import Account, Business, Post, Sync
from tasks.social.removal import remove_business, what_goes

SYNCS, ERRORS = 10, 20  # on the page of a business


class BusinessList(ChangeList):
    """Brings along, for all businesses of the page at once, what their syncs, jobs and figures are."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        keys = [each.pk for each in rows]
        last = told.latest_of(keys) if request.user.has_perm("social.view_sync") else {}
        lines = charts.sparks(keys, timezone.now()) if request.user.has_perm("social.view_post") else {}
        jobs = schedule.jobs_of(keys)
        for business in rows:
            business.last_sync, business.line = last.get(business.pk), lines.get(business.pk)
            business.job = jobs.get(business.pk)
        self.result_list = rows


@admin.register(Business)
class BusinessAdmin(BusinessDoors):
    list_display = ("title", "state", "account_count", "last", "own_schedule", "next_run", "trend")
    search_fields = ("name",)
    ordering = ("name",)
    change_form_outer_after_template = "tasks/social/business.html"
    fieldsets: ClassVar = [
        (None, {"fields": ["name", "is_active", "in_hourly_sync"]}),
        ("Syncs", {"fields": ["last", "own_schedule", "next_run"]}),
    ]
    readonly_fields = ("last", "own_schedule", "next_run")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Business]:
        rows: QuerySet[Business] = super().get_queryset(request)
        return rows.annotate(accounts_there=Count("accounts"))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BusinessList

    def get_fieldsets(self, request: HttpRequest, obj: Business | None = None) -> Any:
        shown = self.fieldsets if obj else self.fieldsets[:1]
        return shown if request.user.has_perm("social.view_sync") or not obj else _without_syncs(shown)

    def get_readonly_fields(self, request: HttpRequest, obj: Business | None = None) -> Any:
        """Its own people do not rename it: a name that is taken would tell of a business of others."""
        return (*self.readonly_fields, *(["name"] if is_confined(request) else []))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        business = self.get_object(request, unquote(object_id))
        shown = _told(request, business) if business and self.has_view_permission(request, business) else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def save_model(self, request: HttpRequest, obj: Business, form: Any, change: bool) -> None:
        """Nothing of what a sync writes meanwhile is put back; the job of its own follows."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        if form.changed_data:
            obj.save(update_fields=form.changed_data)
        if "is_active" in form.changed_data:
            schedule.follow(obj, by=request.user.get_username(), now=timezone.now())

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[Any, dict[str, int], set[str], Any]:
        """Counts in place of each of the rows, which can be millions; they are nobody's to delete one by one."""
        businesses = Business.objects.seen_by(request.user).filter(pk__in=[each.pk for each in objs])
        counts = what_goes(Account.objects.filter(business__in=businesses.order_by().values("pk")), businesses)
        return [str(each) for each in businesses], counts, set(), []

    def delete_model(self, request: HttpRequest, obj: Business) -> None:
        remove_business(obj, by=request.user.get_username(), now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Business]) -> None:
        for business in queryset:
            self.delete_model(request, business)

    @admin.display(description="Business")
    def title(self, business: Business) -> SafeString:
        name = columns.link(columns.page(business), business, "rota-name")
        return format_html('{}<div class="rota-id">#{}</div>', name, business.pk)

    @admin.display(description="State")
    def state(self, business: Business) -> SafeString:
        if not business.is_active:
            return columns.badge("Not active", "slate", "It is not synced at all.")
        if not business.in_hourly_sync:
            return columns.badge("Own schedule", "blue", "The hourly sync of all businesses leaves it out.")
        return columns.badge("Hourly", "green", "The hourly sync of all businesses takes it along.")

    @admin.display(description="Accounts")
    def account_count(self, business: Any) -> SafeString | str:
        count = f"{business.accounts_there:,}"
        return columns.link(columns.listing(Account, business=business.pk), count) if business.accounts_there else count

    @admin.display(description="Last sync")
    def last(self, business: Any) -> SafeString:
        sync = business.last_sync if hasattr(business, "last_sync") else told.last_of(business.pk)
        if sync is None:
            return columns.moment(None, timezone.now(), empty="never")
        share = columns.link(columns.page(sync), told.share(sync))
        moment = columns.moment(sync.started_at, timezone.now())
        return format_html('<div class="social-cell">{} {}{}</div>', share, sync_badge(sync), moment)

    @admin.display(description="Own schedule")
    def own_schedule(self, business: Any) -> SafeString | str:
        job = _job(business)
        return format_html('<span class="rota-words">{}</span>', job.words) if job else NOTHING

    @admin.display(description="Next run of it")
    def next_run(self, business: Any) -> SafeString:
        job = _job(business)
        how = standing(job) if job else Standing.ARMED
        if job and how is not Standing.ARMED:
            return columns.badge(how.value.title(), columns.STANDINGS[how], because(job))
        return columns.moment(job.next_run_time, timezone.now()) if job else NOTHING

    @admin.display(description="14 days")
    def trend(self, business: Any) -> SafeString | str:
        return business.line or NOTHING


def _job(business: Any) -> Any:
    return business.job if hasattr(business, "job") else schedule.job_of(business)


def _without_syncs(fieldsets: Any) -> Any:
    """For those who may not see what came of syncs."""
    return [(name, {"fields": [each for each in shown["fields"] if each != "last"]}) for name, shown in fieldsets]


def _told(request: HttpRequest, business: Business) -> dict[str, Any]:
    """Figures, accounts, syncs and errors, as far as one may see them."""
    user, now = request.user, timezone.now()
    shown: dict[str, Any] = {}
    if user.has_perm("social.view_post"):
        shown |= charts.context(request, Post.objects.filter(account__business=business.pk), now)
        shown["may_see_posts"] = True
    if user.has_perm("social.view_account"):
        accounts = business.accounts.with_holds().without_tokens()
        shown |= {"may_see_accounts": True, "accounts": list(map(_account, accounts))}
        if user.has_perm("social.add_account"):
            shown["add_account"] = reverse("admin:social_account_add", query={"business": business.pk})
    if user.has_perm("social.view_sync"):
        syncs = list(business.syncs.select_related("business")[:SYNCS])
        errors = list(told.failures_of(syncs[:1])[: ERRORS + 1])
        shown |= {"may_see_syncs": True, "syncs": list(map(sync_cell, syncs)), "failed": errors[:ERRORS]}
        shown |= {"more_failed": len(errors) > ERRORS, "all_syncs": columns.listing(Sync, business=business.pk)}
    return shown


def _account(account: Any) -> dict[str, Any]:
    synced = columns.moment(account.synced_at, timezone.now(), empty="never synced")
    return {"row": account, "page": columns.page(account), "badge": standing_badge(account), "synced": synced}
