"""Members: which people belong to which business. Whoever is a member himself does not come here.

Nobody deletes a member, who would be confined to nothing any more, and so see everything.
"""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from scheduling.admin import columns
from scheduling.admin.base import ModelAdmin
from tasks.social.admin.pages import CSS
from tasks.social.models import Member

LEAVING = (
    "A member sees and steers these businesses only. Whoever leaves the last one stays a member, without any, and sees "
    "nothing at all; that is why a member is not deleted. He goes with his user."
)


@admin.register(Member)
class MemberAdmin(ModelAdmin):
    list_display = ("title", "belongs_to")
    list_display_links = None
    list_fullwidth = True
    list_select_related = ("user",)
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    search_fields = ("user__username", "businesses__name")
    ordering = ("user__username",)
    autocomplete_fields = ("user", "businesses")
    fieldsets: ClassVar = [(None, {"fields": ["user", "businesses"], "description": LEAVING})]
    goes_with_user = True

    class Media:
        css: ClassVar = {"all": [CSS]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        return Member.objects.prefetch_related("businesses")

    def get_readonly_fields(self, request: HttpRequest, obj: Member | None = None) -> Any:
        return ("user",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Member | None = None) -> bool:
        return False

    @admin.display(description="Person")
    def title(self, member: Member) -> SafeString:
        return columns.link(columns.page(member), member, "rota-name")

    @admin.display(description="Sees and steers")
    def belongs_to(self, member: Member) -> SafeString:
        names = ((columns.badge(each, "blue"),) for each in member.businesses.all())
        if member.user.is_superuser:
            return format_html("everything: {}", "a superuser is not confined")
        return format_html("<span>{}</span>", format_html_join(" ", "{}", names) or "nothing at all")
