"""X's client against the loopback one: ages and fields, errors of single posts, limits that are told before."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.demo.upstream import Clock, Upstream
from tasks.demo.x import X
from tasks.exceptions import UpstreamError
from tasks.models import RateBucket
from tasks.social.asking import Api
from tasks.social.exceptions import Held, NotPermitted
from tasks.social.figures import Figures, Listed, Trouble
from tasks.social.models import Platform
from tasks.social.x import pause
from tests.tasks.social.conftest import NOW, POSTS

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]
PRIVATE, PUBLIC = "non_public_metrics", "public_metrics"
JSON = {"Content-Type": "application/json"}

type Client = Callable[..., Api]
type Configured = Callable[..., None]


def told(api: Api, limit: int = 100) -> dict[str, Figures | Trouble]:
    return {post.post_id: found for post, found in api.figures(list(api.posts(limit)))}


def lookups(upstream: Upstream) -> list[str]:
    return [request.params["tweet.fields"] for request in upstream.requests if request.path == "/x/2/tweets"]


def test_posts_come_over_three_pages(client: Client, x: X, upstream: Upstream) -> None:
    x.biggest_page = 5
    posts = list(client(Platform.X).posts(100))
    assert len({post.post_id for post in posts}) == POSTS
    assert upstream.asked("/tweets?max_results=") == 3
    assert all(int(post.post_id) > 2**53 for post in posts)


def test_no_more_posts_are_taken_than_are_wanted(client: Client, upstream: Upstream) -> None:
    assert len(list(client(Platform.X).posts(3))) == 3
    assert upstream.asked("max_results=5") == 1, "fewer than five X does not give"


def test_young_posts_are_asked_for_with_what_their_author_is_told(client: Client, x: X, upstream: Upstream) -> None:
    x._first = 40
    found = told(client(Platform.X))
    assert [PRIVATE in fields for fields in lookups(upstream)] == [True, False]
    clicks = [figures.clicks is not None for figures in found.values() if isinstance(figures, Figures)]
    assert (len(clicks), sum(clicks)) == (40, 20)


def test_private_figures_are_not_asked_for_if_they_are_not_wanted(
    client: Client, configured: Configured, upstream: Upstream
) -> None:
    configured(X_PRIVATE_METRICS=False)
    assert all(isinstance(figures, Figures) for figures in told(client(Platform.X)).values())
    assert lookups(upstream) == ["created_at,public_metrics"]


def test_who_is_not_the_author_gets_public_figures(client: Client, x: X, upstream: Upstream) -> None:
    x.is_owner = False
    found = told(client(Platform.X))
    assert all(isinstance(figures, Figures) and figures.likes is not None for figures in found.values())
    assert [PRIVATE in fields for fields in lookups(upstream)] == [True, False]


@pytest.mark.parametrize("status", [400, 403])
def test_a_whole_request_that_is_refused_for_its_fields_is_made_for_public_ones(
    client: Client, upstream: Upstream, status: int
) -> None:
    upstream.fail("non_public_metrics", status, body=b'{"title": "Forbidden"}')
    assert all(isinstance(figures, Figures) for figures in told(client(Platform.X)).values())


def test_the_name_of_the_parameter_is_a_setting(client: Client, configured: Configured, x: X) -> None:
    x.post_fields = "post.fields"
    with pytest.raises(UpstreamError, match="parameters was invalid"):
        told(client(Platform.X))
    configured(X_POST_FIELDS="post.fields")
    assert len(told(client(Platform.X))) == POSTS


def test_each_post_is_settled_by_itself(client: Client) -> None:
    api = client(Platform.X)
    posts = [*api.posts(100), Listed(post_id="4711")]
    found = {post.post_id: figures for post, figures in api.figures(posts)}
    missing = found.pop("4711")
    assert isinstance(missing, Trouble)
    assert (missing.code, missing.is_gone) == ("resource-not-found", True)
    assert all(isinstance(figures, Figures) for figures in found.values())


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"data": {}}', b'{"data": [7, {"id": "x"}, null], "errors": [7]}', b'{"errors": [{"value": "1"}]}'],
)
def test_what_is_not_mentioned_is_missing(client: Client, upstream: Upstream, body: bytes) -> None:
    api = client(Platform.X)
    upstream.fail("/x/2/tweets", 200, times=9, headers=JSON, body=body)
    ((_, found),) = api.figures([Listed(post_id="1")])
    assert isinstance(found, Trouble)


def test_a_user_that_there_is_not_is_told(client: Client, upstream: Upstream) -> None:
    error = b'{"errors": [{"detail": "Could not find user", "type": "https://x/problems/resource-not-found"}]}'
    upstream.fail("/users/", 200, headers=JSON, body=error)
    with pytest.raises(NotPermitted, match="Could not find user"):
        list(client(Platform.X).posts(10))


def test_a_limit_holds_the_account_until_it_is_counted_anew(client: Client, x: X) -> None:
    x.reads_per_period = 0
    with pytest.raises(Held) as held:
        list(client(Platform.X).posts(10))
    assert (held.value.until, held.value.everyone) == (NOW + timedelta(minutes=15), False)


def test_what_is_told_before_the_limit_is_obeyed(client: Client, x: X, upstream: Upstream) -> None:
    x.reads_per_period = 1
    api = client(Platform.X)
    posts = list(api.posts(10))
    with pytest.raises(Held, match="has told"):
        list(api.figures(posts))
    assert lookups(upstream) == [], "X need not refuse first"


def test_shortly_before_it_is_counted_anew_one_waits(client: Client, x: X, clock: Clock, upstream: Upstream) -> None:
    upstream.fail("/users/", 429, headers={"x-rate-limit-reset": str(int(clock.now().timestamp()) + 2)})
    assert len(list(client(Platform.X).posts(10))) == 10


def test_a_cap_on_what_is_paid_for_ends_the_day_for_all(client: Client, x: X, upstream: Upstream) -> None:
    x.is_capped = True
    with pytest.raises(Held) as held:
        list(client(Platform.X).posts(10))
    assert (held.value.until, held.value.everyone, held.value.code) == (NOW + timedelta(hours=12), True, "usage-capped")
    assert upstream.asked("/tweets") == 1


def test_all_workers_slow_down_before_the_limit(client: Client, x: X) -> None:
    x.reads_per_period = 20
    api = client(Platform.X)
    for _ in range(17):
        next(iter(api.posts(5)))
    bucket = RateBucket.objects.get(pk__startswith="X:")
    assert bucket.held_until == 0
    next(iter(api.posts(5)))
    bucket.refresh_from_db()
    assert bucket.held_until > datetime.now(UTC).timestamp()


@pytest.mark.parametrize(
    ("left", "reset", "seconds"),
    [("500", 600, None), ("99", 600, 6), ("0", 30, 30), ("0", 600, None), ("few", 30, None), (None, 30, None)],
)
def test_the_headers_tell_how_long_to_wait(left: Any, reset: int, seconds: float | None) -> None:
    headers = {"x-rate-limit-limit": "1000", "x-rate-limit-reset": str(int(NOW.timestamp()) + reset)}
    assert pause(headers | ({"x-rate-limit-remaining": left} if left else {}), NOW) == seconds


@pytest.mark.parametrize("reset", ["", "soon", "9" * 30, "-1"])
def test_headers_that_make_no_sense_mean_nothing(reset: str) -> None:
    assert pause({"x-rate-limit-remaining": "0", "x-rate-limit-reset": reset}, NOW) is None
