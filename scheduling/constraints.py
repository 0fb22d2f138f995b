"""Constraints that several models have: what no form, no API and no shell can write."""

from datetime import timedelta

from django.db.models import CheckConstraint, Q, TextChoices


def not_negative(model: str, *spans: str) -> list[CheckConstraint]:
    """Each of the columns `spans` is empty, zero, or forward in time."""
    return [
        CheckConstraint(
            name=f"{model}_{span}_forward",
            condition=Q(**{span: None}) | Q(**{f"{span}__gte": timedelta()}),
            violation_error_message=f"{span} cannot be negative.",
        )
        for span in spans
    ]


def one_of(name: str, column: str, choices: type[TextChoices]) -> CheckConstraint:
    """`column` has one of the values of `choices`."""
    return CheckConstraint(name=name, condition=Q(**{f"{column}__in": choices.values}))


def not_empty(model: str, *columns: str) -> list[CheckConstraint]:
    """None of the texts is empty."""
    return [CheckConstraint(name=f"{model}_{column}_given", condition=~Q(**{column: ""})) for column in columns]
