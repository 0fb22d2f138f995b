"""Form fields for the policies of a Job whose columns say less than a person needs to choose."""

from datetime import timedelta
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from scheduling.admin.fields import TEXT, SpanField

NONE, ANY = "none", "any"
CHOICES: dict[str, list[tuple[str, str]]] = {
    "coalesce": [("True", "Run the latest of them"), ("False", "Run each of them")],
    "idempotent": [("False", "Mark it lost, and tell"), ("True", "Run it again")],
}


class GraceField(SpanField):
    """How late a run may start: none, a span, or any, which the column keeps as NULL."""

    widget = forms.TextInput(attrs={"class": TEXT, "placeholder": "none, 15 min, any", "autocomplete": "off"})

    def to_python(self, value: Any) -> Any:
        word = value.strip().lower() if isinstance(value, str) else value
        if word == NONE:
            return timedelta()
        return super().to_python("" if word == ANY else value)

    def prepare_value(self, value: Any) -> Any:
        if value is None:
            return ANY
        return NONE if value == timedelta() else super().prepare_value(value)


def choice(db_field: Any) -> forms.Field:
    """The field of a column that is true or false, as the two things that may happen."""
    return forms.TypedChoiceField(
        choices=CHOICES[db_field.name],
        coerce="True".__eq__,
        initial=db_field.get_default(),
        help_text=db_field.help_text,
        widget=UnfoldAdminSelectWidget,
    )
