"""Accounts: whether the platform lets us in, until when, and how the figures of their posts grow."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Case, Count, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ChoicesDropdownFilter
from tasks.social.admin import charts
from tasks.social.admin.account_form import AccountForm
from tasks.social.admin.pages import BusinessFilter, SocialAdmin, is_confined, standing_badge
from tasks.social.models import Account, Business, Post
from tasks.social.removal import remove_account, what_goes

PLATFORMS = {"linkedin": "blue", "x": "slate", "facebook": "violet", "instagram": "orange"}
LOOKED_FOR = {"business", "name", "is_active", "expires_at"}  # columns that the page of an account changes


@admin.register(Account)
class AccountAdmin(SocialAdmin):
    form = AccountForm
    list_display = ("title", "of_business", "on_platform", "state", "post_count", "synced", "ends")
    list_filter = (BusinessFilter, ("platform", ChoicesDropdownFilter), ("standing", ChoicesDropdownFilter))
    list_filter_submit = True
    search_fields = ("name", "external_id")
    ordering = ("business__name", "platform", "name")
    change_form_outer_after_template = "tasks/social/posts.html"
    readonly_fields = ("state", "said", "tokens", "refresh_ends", "synced")
    fieldsets: ClassVar = [
        (None, {"fields": ["business", "platform", "external_id", "name", "is_active"]}),
        ("Tokens", {"fields": ["new_access_token", "new_refresh_token", "expires_at"]}),
    ]
    standing_fields: ClassVar = ("How it stands", {"fields": ["state", "said", "tokens", "refresh_ends", "synced"]})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """Without the tokens, which could not even be unsealed under another SECRET_KEY; only whether there are any."""
        rows = super().get_queryset(request).select_related("business").annotate(posts_there=Count("posts"))
        kinds = {f"has_{name}": _is_there(f"{name}_token") for name in ("access", "refresh")}
        return rows.annotate(**kinds).with_holds().without_tokens()  # type: ignore[no-any-return]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """No address asks for what tokens begin with, not even sealed ones."""
        return "_token" not in lookup and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    def get_fieldsets(self, request: HttpRequest, obj: Account | None = None) -> Any:
        if obj is None:
            return self.fieldsets
        if self.has_change_permission(request, obj):
            return [*self.fieldsets, self.standing_fields]
        return [self.fieldsets[0], self.standing_fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> Any:
        """Which account it is stays; whose it is, only those may change who belong to no business themselves."""
        if obj is None:
            return self.readonly_fields
        return (*self.readonly_fields, "platform", "external_id", *(["business"] if is_confined(request) else []))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "business":
            kwargs["queryset"] = Business.objects.seen_by(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        account = self.get_object(request, unquote(object_id))
        shown = {}
        if account and request.user.has_perms(("social.view_account", "social.view_post")):
            shown = charts.context(request, Post.objects.filter(account=account.pk), timezone.now())
            shown["may_see_posts"] = True
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        """Of an account that is there only what the person touched: a sync may renew its tokens meanwhile."""
        tokens = form.cleaned_data["tokens"]
        if not change:
            tokens.put(obj)
            obj.save()
            return
        changed = LOOKED_FOR.intersection(form.changed_data) | set(tokens.put(obj))
        if changed:
            obj.save(update_fields=changed)

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[Any, dict[str, int], set[str], Any]:
        """Counts in place of each of the rows, which can be millions."""
        accounts = Account.objects.seen_by(request.user).filter(pk__in=[each.pk for each in objs]).without_tokens()
        return [str(each) for each in accounts], what_goes(accounts.order_by()), set(), []

    def delete_model(self, request: HttpRequest, obj: Account) -> None:
        remove_account(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        for account in queryset:
            remove_account(account)

    @admin.display(description="Account")
    def title(self, account: Account) -> SafeString:
        name = columns.link(columns.page(account), account.name or account.external_id, "rota-name")
        return format_html('{}<div class="rota-id">{}</div>', name, account.external_id)

    @admin.display(description="Business")
    def of_business(self, account: Account) -> SafeString:
        return columns.link(columns.page(account.business), account.business)

    @admin.display(description="Platform")
    def on_platform(self, account: Account) -> SafeString:
        return columns.badge(account.get_platform_display(), PLATFORMS[account.platform])

    @admin.display(description="Standing")
    def state(self, account: Account) -> SafeString:
        off = "" if account.is_active else columns.badge("Off", "slate", "It is not synced.")
        return format_html("<span>{} {}</span>", standing_badge(account), off)

    @admin.display(description="Problem")
    def said(self, account: Account) -> str:
        return account.problem or "None."

    @admin.display(description="Tokens")
    def tokens(self, account: Any) -> str:
        found = [name for name in ("access", "refresh") if getattr(account, f"has_{name}")]
        return f"There is an {' and a '.join(f'{name} token' for name in found)}." if found else "There is none."

    @admin.display(description="Posts")
    def post_count(self, account: Any) -> SafeString | str:
        return f"{account.posts_there:,}"

    @admin.display(description="Last sync")
    def synced(self, account: Account) -> SafeString:
        return columns.moment(account.synced_at, timezone.now(), empty="never")

    @admin.display(description="Token ends")
    def ends(self, account: Account) -> SafeString:
        return columns.moment(account.expires_at, timezone.now())

    @admin.display(description="Refresh token ends")
    def refresh_ends(self, account: Account) -> SafeString:
        return columns.moment(account.refresh_expires_at, timezone.now())


def _is_there(column: str) -> Case:
    return Case(When(**{column: ""}, then=Value(False)), default=Value(True))
