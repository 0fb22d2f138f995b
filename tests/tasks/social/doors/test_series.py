"""Figures over time: what posts had altogether at each moment, with gaps before anybody told it."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from tasks.social import series
from tasks.social.models import Account, Post, Reading
from tasks.social.series import DAY, HOUR, MOST, Moments, line, lines, moments, step_for
from tests.tasks.social.factories import NOON, make_account, make_business, make_post, make_reading

pytestmark = pytest.mark.django_db

DAYS = moments(NOON - 3 * DAY, NOON, DAY)


def of(account: Account, metric: str = "likes", when: Moments = DAYS) -> series.Line:
    return line(Post.objects.filter(account=account), metric, when)


def test_moments_lie_on_the_grid_of_utc_and_end_now() -> None:
    assert [f"{end:%d %H}" for end in DAYS.ends] == ["29 00", "30 00", "01 00", "01 12"]
    assert [DAYS.label(place) for place in range(4)] == ["Mon 28 Sep", "Tue 29 Sep", "Wed 30 Sep", "Thu 1 Oct"]
    hours = moments(NOON - 2 * HOUR, NOON + timedelta(minutes=5), HOUR)
    assert [f"{end:%H:%M}" for end in hours.ends] == ["11:00", "12:00", "12:05"]
    assert hours.label(0).endswith("11:00")


@pytest.mark.parametrize("days", [1 / 1440, 1, 2, 14, 90, 366, 3660, 36_600])
def test_there_are_never_too_many(days: float) -> None:
    span = timedelta(days=days)
    found = moments(NOON - span, NOON, step_for(span))
    assert 1 <= len(found.ends) <= MOST
    assert found.ends[0] - found.step <= NOON - span


def test_a_reading_holds_until_the_next() -> None:
    post = make_post()
    make_reading(post, NOON - 2 * DAY, likes=3)
    make_reading(post, NOON - HOUR, likes=8)
    assert of(post.account) == [None, 3, 3, 8]


def test_of_several_readings_of_a_day_the_last_one_counts() -> None:
    post = make_post()
    for hours, likes in ((30, 1), (29, 9), (28, 7)):
        make_reading(post, NOON - hours * HOUR, likes=likes)
    assert of(post.account) == [None, None, 7, 7]


def test_posts_are_summed() -> None:
    account = make_account()
    for likes in (3, 40):
        make_reading(make_post(account), NOON - 2 * DAY, likes=likes)
    make_reading(make_post(), NOON - 2 * DAY, likes=999)
    assert of(account) == [None, 43, 43, 43]


def test_posts_that_were_not_read_in_the_time_stand_still() -> None:
    account = make_account()
    old = make_post(account, read_at=NOON - 10 * DAY, likes=100)
    make_reading(old, NOON - 10 * DAY)
    make_reading(make_post(account), NOON - 2 * DAY, likes=1)
    make_post(account, read_at=None)
    assert of(account) == [100, 101, 101, 101]


def test_a_figure_that_is_not_told_any_more_stays() -> None:
    post = make_post()
    for days, likes in ((3, 1), (2, None), (1, 5), (0, None)):
        make_reading(post, NOON - days * DAY, likes=likes)
    assert of(post.account) == [1, 1, 5, 5]
    assert of(post.account, "saves") == [None] * 4


@pytest.mark.parametrize("seed", range(4))
def test_sums_are_those_of_a_look_at_every_reading(seed: int) -> None:
    dice, account = Random(seed), make_account()  # noqa: S311
    told: list[list[tuple[datetime, int | None]]] = []
    for _ in range(4):
        took = sorted(dice.sample(range(1, 150), dice.randint(0, 6)), reverse=True)
        rows = [(NOON - hours * HOUR, dice.choice([None, dice.randint(0, 99)])) for hours in took]
        known = [likes for _, likes in rows if likes is not None]
        post = make_post(account, read_at=rows[-1][0] if rows else None, likes=known[-1] if known else None)
        Reading.objects.bulk_create(Reading(post=post, taken_at=at, likes=likes) for at, likes in rows)
        told.append(rows)

    def at(end: datetime) -> int | None:
        last = ([likes for at, likes in rows if at <= end and likes is not None][-1:] for rows in told)
        found = [likes for each in last for likes in each]
        return sum(found) if found else None

    assert of(account) == [at(end) for end in DAYS.ends]


def test_all_of_a_list_are_asked_for_at_once(django_assert_num_queries: Any) -> None:
    one, two = make_business(), make_business()
    make_reading(make_post(make_account(one)), NOON - 2 * DAY, likes=3)
    make_post(make_account(two), read_at=NOON - 20 * DAY, likes=4)
    make_account(make_business())
    with django_assert_num_queries(2):
        found = lines(Post.objects.all(), "likes", DAYS, "account__business")
    assert found == {one.pk: [None, 3, 3, 3], two.pk: [4, 4, 4, 4]}


def test_an_engagement_is_told_of_one_post() -> None:
    post = make_post(engagement=0.25)
    make_reading(post, NOON - DAY)
    assert of(post.account, series.ENGAGEMENT)[-1] == pytest.approx(0.25)


def test_numbers_beyond_those_of_javascript_are_exact() -> None:
    post = make_post(impressions=2**53 + 1)
    make_reading(post, NOON - DAY)
    assert of(post.account, "impressions")[-1] == 2**53 + 1


def test_the_cost_does_not_go_by_the_readings(django_assert_num_queries: Any) -> None:
    post = make_post()
    for hours in range(1, 60):
        make_reading(post, NOON - hours * HOUR, likes=60 - hours)
    with django_assert_num_queries(2):
        assert of(post.account)[-1] == 59
