"""Users and groups in the look of the other pages; and no second way to see jobs."""

import django_apscheduler.admin  # noqa: F401  (registers what is taken away below)
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as PlainGroupAdmin
from django.contrib.auth.models import Group, User
from django_apscheduler.models import DjangoJob, DjangoJobExecution
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from scheduling.admin.base import ModelAdmin, PlainUserAdmin

admin.site.unregister([DjangoJob, DjangoJobExecution, User, Group])


@admin.register(User)
class UserAdmin(PlainUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    filter_horizontal = ()  # Django's two lists side by side need a wide screen


@admin.register(Group)
class GroupAdmin(PlainGroupAdmin, ModelAdmin):
    filter_horizontal = ()
