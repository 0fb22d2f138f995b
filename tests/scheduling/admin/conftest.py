"""Staff with chosen permissions, and forms filled in as a browser would send them."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.forms import CheckboxInput
from django.test import Client

Staff = Callable[..., Client]
SEEING = ("view_job", "view_execution", "view_worker")


@pytest.fixture
def staff(db: None) -> Staff:
    """A logged-in browser of a staff member who may do what is named; `seeing=False`: not even look."""
    numbers = count(1)

    def login(*permissions: str, seeing: bool = True) -> Client:
        user = User.objects.create_user(f"ada-{next(numbers)}", is_staff=True)
        names = (*permissions, *(SEEING if seeing else ()))
        user.user_permissions.set(Permission.objects.filter(content_type__app_label="scheduling", codename__in=names))
        browser = Client()
        browser.force_login(user)
        return browser

    return login


@pytest.fixture
def boss(admin_client: Client) -> Client:
    """A logged-in browser of a superuser."""
    return admin_client


def filled(response: Any, **changes: Any) -> dict[str, Any]:
    """What the form of a page would send back, with some fields changed."""
    form = response.context["adminform"].form
    data: dict[str, Any] = {}
    for field in form:
        value = field.value()
        box = isinstance(field.field.widget, CheckboxInput)
        if value is not None and not (box and value is False):
            data[field.html_name] = "on" if box else value
        if field.field.show_hidden_initial and value is not None:
            data[field.html_initial_name] = value
    data |= changes
    return {name: value for name, value in data.items() if value is not None}


def errors(response: Any) -> dict[str, list[str]]:
    """The errors of the form that a page shows again."""
    found = response.context["adminform"].form.errors
    return {name: list(each) for name, each in found.items()}
