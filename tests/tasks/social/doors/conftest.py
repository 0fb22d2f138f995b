"""People at the doors of social analytics, with rows that are filled in without any platform."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from scheduling.models import Job
from tasks.social.models import Account, Business, Member, Post, Sync
from tasks.social.tasks import ALL, sync_all_businesses_job
from tests.factories import make_job
from tests.scheduling.api.caller import Caller
from tests.tasks.social.factories import make_account, make_business, make_post, make_reading, make_sync

_numbers = count(1)

SEE = ("social.view_business", "social.view_account", "social.view_post", "social.view_sync")
STEER = ("social.change_business", "social.sync_business", "social.schedule_business")
ACCOUNTS = ("social.add_account", "social.change_account", "social.delete_account")
MEMBERS = (*SEE, *STEER, *ACCOUNTS)  # what counts for members
EVIL = '<script>alert("x")</script>'

type Login = Callable[..., Client]


@pytest.fixture(autouse=True)
def in_use(settings: Any) -> None:
    """One platform is configured."""
    settings.SOCIAL = {**settings.SOCIAL, "X_CLIENT_ID": "demo", "LINKEDIN_CLIENT_ID": "", "META_APP_ID": ""}


@pytest.fixture
def hourly(db: None) -> Job:
    """The job of all businesses, as `syncjobs` makes it."""
    return make_job(id=ALL, task=sync_all_businesses_job.module_path, cron="0 * * * *")


@pytest.fixture
def login(db: None) -> Login:
    """A browser of someone with these permissions; of a member of `of`, if that is given."""

    def login(*permissions: str, of: list[Business] | None = None, superuser: bool = False) -> Client:
        user = User.objects.create_user(f"u{next(_numbers)}", is_staff=True, is_superuser=superuser)
        permit(user, *permissions)
        if of is not None:
            join(user, *of)
        client = Client()
        client.force_login(user)
        return client

    return login


def permit(user: User, *permissions: str) -> None:
    for each in permissions:
        app, _, codename = each.partition(".")
        user.user_permissions.add(Permission.objects.get(codename=codename, content_type__app_label=app))


def join(user: User, *businesses: Business) -> None:
    Member.objects.create(user=user).businesses.set(businesses)


def member(*businesses: Business, permissions: tuple[str, ...] = MEMBERS) -> Caller:
    """A program of one of the people of these businesses."""
    caller = Caller(*permissions)
    join(caller.user, *businesses)
    return caller


def make_whole(name: str) -> tuple[Business, Account, Post, Sync]:
    """A business with an account, a post with a reading, and a sync."""
    business = make_business(name)
    account = make_account(business, name=f"Account of {name}")
    post = make_post(account, text=f"Post of {name}", likes=7)
    make_reading(post)
    return business, account, post, make_sync(business, posts_total=50, posts_synced=45)
