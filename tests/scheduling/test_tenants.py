"""Who is confined to tenants, and which of the permissions that such a person was given count."""

from typing import Any

import pytest
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduling import tenants
from scheduling.checks import check_backends
from scheduling.models import Execution, Job
from scheduling.models.executions import has_tenant_index
from scheduling.tenants import Backend, register, tenants_of
from tests.factories import make_execution, make_job
from tests.scheduling.loops import in_a_loop
from tests.scheduling.tenants import People, give_all, people  # noqa: F401  # a fixture

pytestmark = pytest.mark.django_db
RUN, ADD = "scheduling.run_job", "scheduling.add_job"


class PlainBackend(ModelBackend):
    """One that gives what was given."""


@pytest.fixture
def ada(people: People) -> User:  # noqa: F811
    people["ada"] = frozenset({"acme"})
    return give_all(User.objects.create_user("ada"))


def again(user: User) -> User:
    """As the next request has it."""
    return User.objects.get(pk=user.pk)


def test_only_those_are_confined_of_whom_somebody_says_so(ada: User) -> None:
    assert tenants_of(ada) == frozenset({"acme"})
    for nobody in (User.objects.create_user("bob"), AnonymousUser(), None):
        assert tenants_of(nobody) is None


def test_a_superuser_is_not_confined(ada: User) -> None:
    ada.is_superuser = True
    assert tenants_of(ada) is None
    assert ada.has_perm(ADD)


def test_tenants_of_several_apps_come_together(ada: User) -> None:
    register(lambda user: frozenset({"globex"}), ["app.view_thing"])
    assert tenants_of(ada) == frozenset({"acme", "globex"})
    assert tenants.is_open("app.view_thing")


def test_rows_are_seen_by_their_tenants_people_and_the_installations_own(ada: User) -> None:
    bob = User.objects.create_user("bob")
    for tenant in ("", "acme", "globex"):
        make_execution(make_job(id=tenant or "house", tenant=tenant))
    assert [job.pk for job in Job.objects.seen_by(ada)] == ["acme"]
    assert [run.tenant for run in Execution.objects.seen_by(ada)] == ["acme"]
    for rows in (Job.objects, Execution.objects):
        assert rows.seen_by(bob).count() == rows.seen_by(None).count() == 3


def test_no_tenant_is_none_of_theirs(people: People, ada: User) -> None:  # noqa: F811
    people["ada"] = frozenset({""})
    make_execution(make_job())
    assert tenants_of(ada) == frozenset()
    assert not Job.objects.seen_by(ada).exists()


def test_an_index_leads_to_the_runs_of_a_tenant(ada: User) -> None:
    if not has_tenant_index():
        pytest.skip("MariaDB has no index of a part of a table.")
    if connection.vendor == "postgresql":
        connection.cursor().execute("SET LOCAL enable_seqscan = off")  # of an empty table
    assert "execution_tenant" in Execution.objects.seen_by(ada).order_by("-id")[:50].explain()


def test_of_a_persons_permissions_those_count_whose_doors_look_at_tenants(ada: User) -> None:
    assert ada.has_perm(RUN)
    assert not ada.has_perm(ADD)
    assert not ada.has_perm(RUN, obj=make_job())  # as in Django, which knows no permission for a row
    assert ada.has_perms([RUN]) != ada.has_perms([RUN, ADD])
    assert ada.get_all_permissions() == ada.get_user_permissions() == tenants._open & again(ada).get_all_permissions()
    assert ada.has_module_perms("scheduling")
    assert not ada.has_module_perms("auth")


def test_permissions_of_groups_are_no_way_around(people: People) -> None:  # noqa: F811
    people["eve"] = frozenset({"acme"})
    eve, group = User.objects.create_user("eve"), Group.objects.create(name="all")
    group.permissions.set(Permission.objects.all())
    eve.groups.add(group)
    assert eve.has_perm(RUN)
    assert not eve.has_perm(ADD)
    assert ADD not in eve.get_group_permissions()


@pytest.mark.django_db(transaction=True)
def test_it_is_the_same_when_asked_asynchronously(ada: User) -> None:
    async def asked() -> tuple[bool, bool, bool, bool]:
        return (
            *(await ada.ahas_perm(RUN), await ada.ahas_perm(ADD)),
            *(await ada.ahas_module_perms("scheduling"), await ada.ahas_module_perms("auth")),
        )

    assert in_a_loop(asked) == (True, False, True, False)


def test_who_has_a_permission_is_told_without_those_for_whom_it_does_not_count(ada: User) -> None:
    bob = give_all(User.objects.create_user("bob"))
    assert set(Backend().with_perm(RUN)) == {ada, bob}
    assert set(Backend().with_perm(ADD)) == {bob}
    permission = Permission.objects.get(codename="add_job")
    assert set(User.objects.with_perm(permission, include_superusers=False)) == {bob}


def test_it_is_asked_once_for_each_request(ada: User) -> None:
    asked: list[Any] = []
    register(lambda user: asked.append(user), ())
    for _ in range(3):
        ada.has_perm(RUN)
        list(Job.objects.seen_by(ada))
    assert asked == [ada]


def test_it_costs_nothing_where_no_app_has_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenants, "_providers", [])
    user = User.objects.create_user("bob")
    with CaptureQueriesContext(connection) as found:
        assert tenants_of(user) is None
    assert len(found) == 0


class Ldap:
    """One of its own making, which gives what a directory says."""

    def has_perm(self, user: User, permission: str, obj: Any = None) -> bool:
        return True


class SignIn(Ldap):
    """The same, to sign people in only."""

    has_perm = BaseBackend.has_perm  # type: ignore[assignment]


class Plain(BaseBackend):
    """One that gives nothing."""


class Ours(Backend):
    """One that is looked through."""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("PlainBackend", ["scheduling.E005"]),
        ("Ldap", ["scheduling.E005"]),
        *((name, []) for name in ("SignIn", "Plain", "Ours")),
    ],
)
def test_a_backend_beside_it_that_gives_permissions_is_an_error(name: str, found: list[str], settings: Any) -> None:
    assert check_backends() == []
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, f"{__name__}.{name}"]
    told = check_backends()
    assert [each.id for each in told] == found
    assert all("LDAP" in str(each.hint) for each in told)
