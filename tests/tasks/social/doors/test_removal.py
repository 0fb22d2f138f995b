"""A business removed: with all that is kept of it, in batches, and with nothing of any other."""

import pytest

from scheduling.models import Change, Execution, Job, State
from tasks.social import removal
from tasks.social.models import Account, Business, Failure, Post, Reading, Sync
from tasks.social.on_demand import sync_one
from tasks.social.removal import remove_business
from tasks.social.schedule import give, plan
from tests.tasks.social.doors.conftest import make_whole
from tests.tasks.social.factories import NOON, make_post, make_reading

pytestmark = pytest.mark.django_db


def test_all_of_it_goes_and_nothing_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "AT_ONCE", 2)
    business, account, _, sync = make_whole("Sea Breeze")
    for _ in range(5):
        make_reading(make_post(account))
    Failure.objects.create(sync=sync, account=account, message="x", at=NOON)
    make_whole("Other")
    remove_business(business, by="ada", now=NOON)
    assert [table.objects.count() for table in (Business, Account, Post, Reading, Sync, Failure)] == [1, 1, 1, 1, 1, 0]


def test_its_job_goes_and_what_it_has_queued_does_not_run() -> None:
    business, *_ = make_whole("Sea Breeze")
    run = sync_one(business, by="ada", now=NOON).run
    give(business, plan(), by="ada", now=NOON)
    remove_business(business, by="ada", now=NOON)
    assert not Job.objects.exists()
    run.refresh_from_db()
    assert (run.state, run.reason) == (State.CANCELLED, removal.SAID)
    assert not Execution.objects.exclude(state=State.CANCELLED).exists()
    assert Change.objects.filter(action="deleted").exists()


def test_the_deletion_counts_before_it_is_done() -> None:
    business, account, *_ = make_whole("Sea Breeze")
    make_whole("Other")
    accounts = Account.objects.filter(pk=account.pk)
    counts = removal.what_goes(accounts, Business.objects.filter(pk=business.pk))
    assert counts == {"businesses": 1, "accounts": 1, "posts": 1, "readings": 1, "syncs": 1}
    assert removal.what_goes(accounts) == {"accounts": 1, "posts": 1, "readings": 1}
