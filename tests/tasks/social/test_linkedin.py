"""LinkedIn's client against the loopback one: its headers, its lists of URNs, its refusals."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tasks.demo.linkedin import LinkedIn
from tasks.demo.upstream import Clock, Upstream
from tasks.exceptions import UpstreamError
from tasks.social.asking import Api
from tasks.social.exceptions import Held, NotPermitted
from tasks.social.figures import Figures, Trouble
from tasks.social.linkedin import parse_post
from tasks.social.models import Platform
from tests.tasks.social.conftest import NOW, POSTS

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]
LINKEDIN = Platform.LINKEDIN

type Client = Callable[..., Api]


def test_posts_come_over_three_pages_and_a_double_is_ignored_by_who_reads_them(
    client: Client, linkedin: LinkedIn, upstream: Upstream
) -> None:
    linkedin.biggest_page = 5
    posts = list(client(LINKEDIN).posts(100))
    assert len(posts) == POSTS
    assert upstream.asked("/posts?") == 3
    moments = [post.published_at for post in posts if post.published_at]
    assert moments == sorted(moments, reverse=True)


def test_no_more_posts_are_asked_for_than_are_wanted(client: Client, upstream: Upstream) -> None:
    assert len(list(client(LINKEDIN).posts(7))) == 7
    assert upstream.asked("count=7&start=0") == 1


def test_figures_are_asked_for_by_type_of_urn_with_the_urns_encoded(client: Client, upstream: Upstream) -> None:
    api = client(LINKEDIN)
    told = list(api.figures(list(api.posts(100))))
    assert len({post.post_id for post, _ in told}) == POSTS
    assert all(isinstance(found, Figures) and found.impressions for _, found in told)
    assert upstream.asked("&shares=List(urn%3Ali%3Ashare%3A") == 1
    assert upstream.asked("&ugcPosts=List(urn%3Ali%3AugcPost%3A") == 1
    assert {request.headers["linkedin-version"] for request in upstream.requests if "rest" in request.path} == {
        "202609"
    }


def test_a_post_that_is_not_named_has_no_figures_and_not_zero(client: Client, linkedin: LinkedIn) -> None:
    linkedin.has_flaws = True
    api = client(LINKEDIN)
    linkedin._first = 60
    told = [found for _, found in api.figures(list(api.posts(100)))]
    quiet = [found for found in told if isinstance(found, Figures) and found.impressions is None]
    assert quiet
    assert all(found == Figures() for found in quiet)


def test_drafts_are_left_out_and_unknown_kinds_told(client: Client) -> None:
    assert parse_post({"id": "urn:li:share:1", "lifecycleState": "DRAFT"}) is None
    assert parse_post({"id": "urn:li:article:1"}) is None
    post = parse_post({"id": "urn:li:ugcPost:1", "commentary": None, "publishedAt": "soon"})
    assert post
    assert (post.kind, post.text, post.published_at) == ("ugcPost", "", None)
    odd = type(post)(post_id="urn:li:article:1")
    (settled,) = client(LINKEDIN).figures([odd])
    assert isinstance(settled[1], Trouble)


def test_a_version_that_has_died_says_what_to_set(
    client: Client, configured: Callable[..., None], upstream: Upstream
) -> None:
    configured(LINKEDIN_VERSION="202409")
    with pytest.raises(UpstreamError, match=r"no longer knows version 202409 .* set LINKEDIN_VERSION"):
        list(client(LINKEDIN).posts(10))
    assert upstream.asked("/posts?") == 1


def test_the_limit_of_the_day_lasts_until_midnight_for_everyone(client: Client, linkedin: LinkedIn) -> None:
    linkedin.requests_per_day = 1
    api = client(LINKEDIN)
    posts = list(api.posts(10))
    with pytest.raises(Held, match="limit of the day") as held:
        list(api.figures(posts))
    assert (held.value.until, held.value.everyone) == (NOW.replace(hour=0) + timedelta(days=1), True)
    assert held.value.code == "TOO_MANY_REQUESTS"


@pytest.mark.parametrize(
    ("headers", "body", "lasts", "everyone"),
    [
        ({"Retry-After": "7200"}, b"{}", timedelta(hours=2), True),
        ({"Retry-After": "99999999"}, b"{}", timedelta(days=1), True),
        ({}, b'{"message": "Resource level throttle MEMBER DAY limit"}', timedelta(hours=12), False),
        ({}, b"<html>", timedelta(hours=12), True),
    ],
)
def test_what_a_refusal_for_too_much_says_is_obeyed(
    client: Client, upstream: Upstream, headers: Any, body: bytes, lasts: timedelta, everyone: bool
) -> None:
    upstream.fail("/posts?", 429, headers=headers, body=body)
    with pytest.raises(Held) as held:
        list(client(LINKEDIN).posts(10))
    assert held.value.until - NOW == pytest.approx(lasts, abs=timedelta(minutes=1))
    assert held.value.everyone == everyone


def test_after_a_short_pause_it_is_asked_again(client: Client, upstream: Upstream) -> None:
    upstream.fail("/posts?", 429, headers={"Retry-After": "2"})
    assert len(list(client(LINKEDIN).posts(10))) == 10
    assert upstream.asked("/posts?") == 2


def test_what_is_not_permitted_names_the_code(client: Client, upstream: Upstream) -> None:
    upstream.fail("/posts?", 403, body=b'{"status":403,"serviceErrorCode":100,"code":"ACCESS_DENIED","message":"No."}')
    with pytest.raises(NotPermitted, match="No") as refused:
        list(client(LINKEDIN).posts(10))
    assert refused.value.code == "ACCESS_DENIED"


def test_an_error_does_not_repeat_the_ids_of_all_posts(client: Client, upstream: Upstream) -> None:
    api = client(LINKEDIN)
    posts = list(api.posts(10))
    upstream.fail("ShareStatistics", 503, times=9)
    with pytest.raises(UpstreamError) as error:
        list(api.figures(posts))
    assert str(error.value) == "LinkedIn answered 503 (GET /organizationalEntityShareStatistics)"


def test_a_number_is_enough_for_a_page(client: Client, connected: Any, clock: Clock) -> None:
    assert len(list(client(connected(LINKEDIN, external_id="123")).posts(10))) == 10
