"""Old readings are thinned out to one a day, old syncs go."""

from datetime import timedelta

import pytest

from tasks.recording import record
from tasks.social import prune
from tasks.social.models import Failure, Reading, Sync
from tests.tasks.social.factories import NOON, make_business, make_post, make_reading, make_sync

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def pruned() -> dict[str, int]:
    with record(None, task_name="tests") as entry:
        return prune.prune_before(entry, NOON)


@pytest.mark.parametrize("chunk", [2, 1000])
def test_of_an_older_day_the_last_reading_stays(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(prune, "CHUNK", chunk)
    posts = [make_post(), make_post()]
    for post in posts:
        for day in (29, 31, 40):
            for hour in range(3):
                make_reading(post, NOON - day * DAY + hour * HOUR)
    assert pruned()["readings"] == 8
    for post in posts:
        left = list(post.readings.order_by("taken_at").values_list("taken_at", flat=True))
        assert left == [
            *(NOON - day * DAY + 2 * HOUR for day in (40, 31)),
            *(NOON - 29 * DAY + hour * HOUR for hour in range(3)),
        ]
    assert pruned() == {"readings": 0, "syncs": 0}


def test_a_day_is_one_of_utc() -> None:
    post = make_post()
    midnight = (NOON - 50 * DAY).replace(hour=0)
    for moment in (midnight - HOUR, midnight, midnight + HOUR):
        make_reading(post, moment)
    pruned()
    assert set(Reading.objects.values_list("taken_at", flat=True)) == {midnight - HOUR, midnight + HOUR}


def test_a_day_is_thinned_out_when_all_of_it_is_old() -> None:
    post = make_post()
    for hour in (-11, 11):
        make_reading(post, NOON - 30 * DAY + hour * HOUR)
    assert pruned()["readings"] == 0


def test_old_syncs_go_with_what_went_wrong_in_them() -> None:
    business = make_business()
    post = make_post()
    for days in (89, 91):
        sync = make_sync(business, NOON - days * DAY)
        Failure.objects.create(sync=sync, account=post.account, message="No.", at=NOON)
    assert pruned()["syncs"] == 1
    assert Sync.objects.count() == Failure.objects.count() == 1
