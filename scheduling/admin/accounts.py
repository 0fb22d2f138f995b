"""Users and groups in the look of the other pages, with their tokens; and no second way to see jobs."""

from typing import Any

import django_apscheduler.admin  # noqa: F401  (registers what is taken away below)
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as PlainGroupAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django_apscheduler.models import DjangoJob, DjangoJobExecution
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from scheduling.admin import columns
from scheduling.admin.base import ModelAdmin, PlainUserAdmin
from scheduling.models import Token

admin.site.unregister([DjangoJob, DjangoJobExecution, User, Group])


@admin.register(User)
class UserAdmin(PlainUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    filter_horizontal = ()  # Django's two lists side by side need a wide screen
    readonly_fields = ("tokens",)
    fieldsets = (*(PlainUserAdmin.fieldsets or ()), ("REST API", {"fields": ("tokens",)}))

    @admin.display(description="Tokens")
    def tokens(self, user: User) -> SafeString:
        now = timezone.now()
        count = sum(not token.refusal(now) for token in Token.objects.filter(user=user).select_related("user"))
        told = f"{count} {'counts' if count == 1 else 'count'}"
        return columns.link(columns.listing(Token, user=user.pk), told)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Rows that nobody deletes by themselves, as tokens, go with their user."""
        found, counts, lacking, protected = super().get_deleted_objects(objs, request)
        pages = self.admin_site._registry.items()
        following = {model._meta.verbose_name for model, page in pages if getattr(page, "goes_with_user", False)}
        return found, counts, lacking - following, protected


@admin.register(Group)
class GroupAdmin(PlainGroupAdmin, ModelAdmin):
    filter_horizontal = ()
