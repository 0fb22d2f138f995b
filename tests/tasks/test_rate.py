"""The rate that all workers share, in the database."""

from datetime import UTC, datetime, timedelta

import pytest

from tasks.models import RateBucket

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    taken = [RateBucket.objects.take("s", per_second=2, burst=3, now=NOON) for _ in range(4)]
    assert taken[:3] == [0, 0, 0]
    assert taken[3] == pytest.approx(0.5, abs=0.01)
    later = NOON + timedelta(seconds=0.51)
    assert RateBucket.objects.take("s", per_second=2, burst=3, now=later) == 0
    assert RateBucket.objects.take("s", per_second=2, burst=3, now=later) > 0


def test_buckets_of_two_credentials_are_apart() -> None:
    assert RateBucket.objects.take("s:1", per_second=0.1, burst=1, now=NOON) == 0
    assert RateBucket.objects.take("s:2", per_second=0.1, burst=1, now=NOON) == 0


def test_a_clock_set_back_does_not_close_a_bucket() -> None:
    for _ in range(3):
        RateBucket.objects.take("s", per_second=1, burst=3, now=NOON)
    before = NOON - timedelta(days=1)
    assert RateBucket.objects.take("s", per_second=1, burst=3, now=before) <= 3
    assert RateBucket.objects.take("s", per_second=1, burst=3, now=before + timedelta(seconds=3)) == 0


def test_a_bucket_is_held_for_a_minute_at_most() -> None:
    RateBucket.objects.take("held", 1000, 1000, NOON)
    RateBucket.objects.hold("held", 3600, NOON)
    assert 0 < RateBucket.objects.take("held", 1000, 1000, NOON) <= 60
    assert RateBucket.objects.take("held", 1000, 1000, NOON + timedelta(seconds=61)) == 0
