"""People who are confined to tenants, for tests that know nothing of any app that has some."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from scheduling import tenants
from tests.scheduling.api.caller import Caller

People = dict[str, frozenset[str]]  # tenants by the name of the user


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> People:
    """Who is confined, and to what: a provider that tests fill; it is the only one while they run."""
    known: People = {}
    monkeypatch.setattr(tenants, "_providers", [])
    monkeypatch.setattr(tenants, "_open", set(tenants._open))
    tenants.register(lambda user: known.get(user.get_username()), ())
    return known


@pytest.fixture
def caller(db: None, people: People) -> Caller:
    """A program of somebody of the tenant acme, who was given everything."""
    asking = Caller()
    give_all(asking.user)
    people[asking.name] = frozenset({"acme"})
    return asking


@pytest.fixture
def browser(db: None, people: People) -> Client:
    """The browser of somebody of the tenant acme, who was given everything."""
    people["ada"] = frozenset({"acme"})
    client = Client()
    client.force_login(give_all(User.objects.create_user("ada", is_staff=True)))
    return client


def give_all(user: User) -> User:
    user.user_permissions.set(Permission.objects.all())
    return user
