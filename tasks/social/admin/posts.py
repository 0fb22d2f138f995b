"""Posts: what was published, and what became of it; texts and addresses are the platform's, and shown as text."""

from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from scheduling.admin import columns
from scheduling.admin.base import ChoicesDropdownFilter, InfinitePaginator
from tasks.social.admin import charts
from tasks.social.admin.accounts import PLATFORMS
from tasks.social.admin.pages import NOTHING, BusinessOfPostFilter, SocialReadOnlyAdmin
from tasks.social.models import METRICS, Post

LONGEST_TITLE = 90  # characters in the list
SCHEMES = {"http", "https"}  # of addresses that become links


def _figure(name: str) -> Callable[[Post], SafeString]:
    """A column of the list."""

    @admin.display(description=charts.NAMES[name])
    def figure(post: Post) -> SafeString:
        value = getattr(post, name)
        if value is None:
            return NOTHING
        return format_html('<span title="{}">{}</span>', charts.number(value), charts.short(value))

    figure.__name__ = name
    return figure


@admin.register(Post)
class PostAdmin(SocialReadOnlyAdmin):
    list_display = ("title", "of_account", "published", *map(_figure, METRICS), "engaged")
    list_filter = (BusinessOfPostFilter, ("account__platform", ChoicesDropdownFilter))
    list_filter_submit = True
    search_fields = ("text", "platform_post_id")
    ordering = ("-published_at", "-id")
    paginator = InfinitePaginator
    change_form_outer_after_template = "tasks/social/posts.html"
    fieldsets: ClassVar = [
        (None, {"fields": ["told", "link", "of_business", "of_account", "kind", "platform_post_id"]}),
        ("When", {"fields": ["published", "read", "seen", "gone"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Post]:
        rows = super().get_queryset(request).select_related("account__business")
        return rows.defer("account__access_token", "account__refresh_token")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        post = self.get_object(request, unquote(object_id))
        shown = {}
        if post and self.has_view_permission(request, post):
            shown = charts.context(request, Post.objects.filter(pk=post.pk), timezone.now(), single=True)
            shown["may_see_posts"] = True
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    @admin.display(description="Post")
    def title(self, post: Post) -> SafeString:
        words = Truncator(" ".join(post.text.split()) or post.platform_post_id).chars(LONGEST_TITLE)
        gone = (
            columns.badge("Gone", "slate", "The platform says that it is not there any more.") if post.gone_at else ""
        )
        name = columns.link(columns.page(post), words, "rota-name")
        return format_html('<div class="social-title">{} {}</div>', name, gone)

    @admin.display(description="Account")
    def of_account(self, post: Post) -> SafeString:
        account = post.account
        badge = columns.badge(account.get_platform_display(), PLATFORMS[account.platform])
        return format_html(
            '<div class="social-cell">{} <span>{}</span></div>', badge, account.name or account.external_id
        )

    @admin.display(description="Business")
    def of_business(self, post: Post) -> str:
        return str(post.account.business)

    @admin.display(description="Text")
    def told(self, post: Post) -> SafeString:
        return format_html('<div class="social-text">{}</div>', post.text or "—")

    @admin.display(description="On the platform")
    def link(self, post: Post) -> SafeString | str:
        """A link only where it leads to the web; anything else is shown as the text that it is."""
        if not is_web(post.url):
            return post.url or "—"
        return format_html('<a class="rota-link" href="{0}" rel="noopener noreferrer nofollow">{0}</a>', post.url)

    @admin.display(description="Published")
    def published(self, post: Post) -> SafeString:
        return columns.moment(post.published_at, timezone.now())

    @admin.display(description="Figures read")
    def read(self, post: Post) -> SafeString:
        return columns.moment(post.read_at, timezone.now(), empty="never")

    @admin.display(description="Last listed")
    def seen(self, post: Post) -> SafeString:
        return columns.moment(post.seen_at, timezone.now())

    @admin.display(description="Gone since")
    def gone(self, post: Post) -> SafeString:
        return columns.moment(post.gone_at, timezone.now())

    @admin.display(description="Engagement")
    def engaged(self, post: Post) -> SafeString | str:
        return NOTHING if post.engagement is None else charts.percent(post.engagement)


def is_web(address: str) -> bool:
    """Whether a browser may be led to `address`."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in SCHEMES and bool(parts.netloc)
