"""What other apps keep of a run, as tables on its page: any model of the admin that points at Execution."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin.sites import AdminSite
from django.contrib.admin.utils import display_for_field, display_for_value, label_for_field, lookup_field
from django.db.models import Model
from django.http import HttpRequest

from scheduling.admin import columns
from scheduling.models import Execution

SHOWN = 100  # rows of a table


def tables(site: AdminSite, request: HttpRequest, run: Execution) -> Iterator[dict[str, Any]]:
    """A table for each such model of which there are rows that the person may see."""
    for relation in Execution._meta.related_objects:
        model = relation.related_model
        if model._meta.app_label == Execution._meta.app_label or not site.is_registered(model):
            continue
        admin = site.get_model_admin(model)
        rows = list(admin.get_queryset(request).filter(**{relation.field.name: run.pk})[:SHOWN])
        if not rows or not admin.has_view_permission(request):
            continue
        names = [name for name in admin.get_list_display(request) if name not in ("execution", "action_checkbox")]
        yield {
            "title": model._meta.verbose_name_plural,
            "headers": [label_for_field(name, model, model_admin=admin) for name in names],
            "rows": [(columns.page(row), [_cell(name, row, admin) for name in names]) for row in rows],
        }


def _cell(name: Any, row: Model, admin: Any) -> Any:
    field, attribute, value = lookup_field(name, row, admin)
    if field is None:
        if isinstance(value, tuple) and getattr(attribute, "label", None):
            value = value[-1]
        return display_for_value(value, "—", getattr(attribute, "boolean", False))
    return display_for_field(value, field, "—")
