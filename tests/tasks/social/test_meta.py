"""The clients of Facebook and Instagram against the loopback Graph API: cursors, batches, retired names, limits."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.demo.audience import feed
from tasks.demo.meta import Meta, id_of
from tasks.demo.upstream import Clock, Upstream
from tasks.exceptions import UpstreamError
from tasks.models import RateBucket
from tasks.social.asking import Api
from tasks.social.exceptions import Held, NeedsAuthorisation, NotPermitted
from tasks.social.figures import Figures, Listed, Trouble
from tasks.social.meta import pause, regained_in, used
from tasks.social.models import Account, Platform, RefusedMetric
from tests.tasks.social.conftest import NOW, POSTS
from tests.tasks.social.factories import make_business

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]
FACEBOOK, INSTAGRAM = Platform.FACEBOOK, Platform.INSTAGRAM
JSON = {"Content-Type": "application/json"}

type Client = Callable[..., Api]
type Found = dict[str, Figures | Trouble]


def told(api: Api, limit: int = 100) -> Found:
    return {post.post_id: found for post, found in api.figures(list(api.posts(limit)))}


def error(code: int, subcode: int | None = None) -> bytes:
    named = {"message": "No.", "code": code, "type": "OAuthException", "error_user_title": None}
    return json.dumps({"error": named | ({"error_subcode": subcode} if subcode else {})}).encode()


def batches(upstream: Upstream) -> int:
    return sum(request.method == "POST" for request in upstream.requests)


@pytest.mark.parametrize("platform", [FACEBOOK, INSTAGRAM])
def test_posts_come_over_four_pages_of_which_one_is_empty(client: Client, meta: Meta, platform: Platform) -> None:
    meta.biggest_page = 5
    api = client(platform)
    with pytest.MonkeyPatch.context() as patched:
        for name in ("facebook", "instagram"):
            patched.setattr(f"tasks.social.{name}.PAGE", 5)
        posts = list(api.posts(100))
    assert len({post.post_id for post in posts}) == POSTS


def test_a_list_that_never_ends_ends(client: Client, upstream: Upstream) -> None:
    page = json.dumps({"data": [], "paging": {"next": "x", "cursors": {"after": "%d"}}})
    for number in range(40):
        upstream.fail("published_posts", 200, headers=JSON, body=(page % number).encode())
    assert list(client(FACEBOOK).posts(10)) == []
    assert upstream.asked("published_posts") == 20


def test_insights_are_asked_for_fifty_posts_at_once(client: Client, meta: Meta, upstream: Upstream) -> None:
    meta._first = 100
    found = told(client(FACEBOOK))
    assert len(found) == 100
    assert all(isinstance(figures, Figures) and figures.impressions for figures in found.values())
    assert batches(upstream) == 2


def test_reels_of_a_page_have_the_figures_of_videos(client: Client, meta: Meta, reported: list[str]) -> None:
    meta.has_reels = True
    meta.retired = {"reel": {"post_impressions_unique"}}
    api = client(FACEBOOK)
    listed = list(api.posts(100))
    found = {post.kind: figures for post, figures in api.figures(listed) if isinstance(figures, Figures)}
    assert set(found) == {"post", "reel"}
    reel, post = found["reel"], found["post"]
    assert reel.impressions
    assert reel.video_views
    assert reel.likes
    assert (reel.reach, reel.unknown, post.video_views) == (None, frozenset(), None)
    assert ["post_impressions_unique of reel" in line for line in reported] == [True]


def test_the_token_is_in_no_address(client: Client, upstream: Upstream, connected: Any) -> None:
    accounts = [connected(platform, expires_at=None) for platform in (FACEBOOK, INSTAGRAM)]
    for account in accounts:
        told(client(account))
    for account in accounts:
        assert not any(account.access_token in request.target + repr(request.body) for request in upstream.requests)
        assert any(
            request.headers["authorization"] == f"Bearer {account.access_token}" for request in upstream.requests
        )


def test_data_that_is_not_there_yet_is_nothing_and_not_zero(client: Client, meta: Meta, clock: Clock) -> None:
    clock.advance(timedelta(hours=13))
    newest = next(iter(told(client(INSTAGRAM), 1).values()))
    assert isinstance(newest, Figures)
    assert (newest.impressions, newest.saves, newest.engagement) == (None, None, None)
    assert newest.likes is not None, "the list tells of these"


@pytest.mark.parametrize("retired", [["post_clicks"], ["post_media_view", "post_clicks"]])
def test_a_name_that_was_retired_is_left_out_and_told(
    client: Client, meta: Meta, upstream: Upstream, reported: list[str], retired: list[str]
) -> None:
    meta.retired = {"post": set(retired)}
    found = told(client(FACEBOOK))
    assert all(isinstance(figures, Figures) and figures.reach for figures in found.values())
    assert sorted(RefusedMetric.objects.values_list("platform", "version", "kind", "name")) == [
        ("facebook", "v25.0", "post", name) for name in sorted(retired)
    ]
    assert [name in line for name, line in zip(sorted(retired), reported, strict=True)] == [True] * len(retired)
    assert batches(upstream) == 3, "all, each name alone, all again"
    told(client(FACEBOOK))
    assert batches(upstream) == 4
    assert len(reported) == len(retired)


def test_a_name_is_left_out_for_its_kind_and_version_only(
    client: Client, meta: Meta, configured: Callable[..., None]
) -> None:
    meta.retired = {"REELS": {"saved"}}
    found = told(client(INSTAGRAM))
    saves = [figures.saves is None for figures in found.values() if isinstance(figures, Figures)]
    assert (len(saves), sum(saves)) == (POSTS, 3)
    assert RefusedMetric.objects.get().kind == "REELS"
    RefusedMetric.objects.update(version="v24.0")
    told(client(INSTAGRAM))
    assert RefusedMetric.objects.count() == 2


def test_where_all_names_are_retired_the_list_has_to_do(client: Client, meta: Meta) -> None:
    RefusedMetric.objects.bulk_create(
        RefusedMetric(platform=FACEBOOK, version="v25.0", kind="post", name=name, refused_at=NOW)
        for name in (
            *("post_media_view", "post_total_media_view_unique", "post_clicks"),
            "post_reactions_by_type_total",
        )
    )
    found = told(client(FACEBOOK))
    assert all(isinstance(figures, Figures) and figures.likes is not None for figures in found.values())
    assert all(isinstance(figures, Figures) and figures.impressions is None for figures in found.values())


def test_a_post_that_takes_no_name_at_all_retires_none(client: Client, meta: Meta, monkeypatch: Any) -> None:
    answer = meta._insights
    bad = id_of("5", feed(POSTS, NOW, NOW)[0])
    refusal = meta._part("v25.0/1/nowhere")

    def insights(post_id: str, params: Any) -> Any:
        return answer(post_id, {"metric": "nonsense"} if post_id == bad else params)

    monkeypatch.setattr(meta, "_insights", insights)
    assert refusal
    api = client(FACEBOOK)
    api._page = "5"  # type: ignore[attr-defined]
    found = told(api)
    assert isinstance(found.pop(bad), Trouble)
    assert all(isinstance(figures, Figures) for figures in found.values())
    assert not RefusedMetric.objects.exists()


def test_a_post_that_was_not_answered_in_time_is_asked_for_once_more(
    client: Client, meta: Meta, upstream: Upstream
) -> None:
    api = client(FACEBOOK)
    posts = list(api.posts(10))
    meta.slow = {posts[3].post_id}
    assert all(isinstance(found, Figures) for _, found in api.figures(posts))
    assert batches(upstream) == 2
    answer = json.dumps([None, {"code": 500, "body": error(2).decode()}, {"code": 200, "body": "<html>"}, 7])
    for _ in range(2):
        upstream.fail("/meta/?", 200, headers=JSON, body=answer.encode(), times=2)
    troubles = [found for _, found in api.figures(posts[:5])]
    assert all(isinstance(found, Trouble) for found in troubles)
    assert {found.code for found in troubles if isinstance(found, Trouble)} == {"timeout", "2", "no data"}


def test_one_post_that_is_refused_spoils_no_other(client: Client, meta: Meta) -> None:
    meta.has_flaws, meta._first = True, 100
    found = told(client(INSTAGRAM))
    troubles = [trouble for trouble in found.values() if isinstance(trouble, Trouble)]
    assert {(trouble.code, trouble.is_gone) for trouble in troubles} == {("100", True), ("10", False)}
    assert len(found) == 100


@pytest.mark.parametrize("code", [4, 17, 32, 613, 80001, 80002])
def test_a_limit_comes_as_400_with_a_code(client: Client, upstream: Upstream, code: int) -> None:
    upstream.fail("published_posts", 400, body=error(code))
    with pytest.raises(Held) as held:
        list(client(FACEBOOK).posts(10))
    assert (held.value.everyone, held.value.code) == (code == 4, str(code))
    assert held.value.until - NOW == pytest.approx(timedelta(hours=1), abs=timedelta(minutes=1))
    assert upstream.asked("published_posts") == 1


@pytest.mark.parametrize("inside", [True, False])
def test_a_limit_in_a_batch_ends_it(client: Client, upstream: Upstream, inside: bool) -> None:
    api = client(FACEBOOK)
    posts = list(api.posts(10))
    if inside:
        body = json.dumps([{"code": 400, "body": error(32).decode()}]).encode()
        upstream.fail("/meta/?", 200, headers=JSON, body=body)
    else:
        upstream.fail("/meta/?", 400, body=error(32))
    with pytest.raises(Held):
        list(api.figures(posts))


def test_the_minutes_until_access_is_regained_are_obeyed(client: Client, upstream: Upstream) -> None:
    usage = json.dumps({"9": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 19}]})
    upstream.fail("/media", 400, headers={"X-Business-Use-Case-Usage": usage}, body=error(80002))
    with pytest.raises(Held) as held:
        list(client(INSTAGRAM).posts(10))
    assert held.value.until - NOW == pytest.approx(timedelta(minutes=19), abs=timedelta(minutes=1))


def test_at_95_percent_nobody_asks_any_more(client: Client, meta: Meta, upstream: Upstream) -> None:
    meta.calls_per_hour = 1
    api = client(FACEBOOK)
    posts = list(api.posts(10))
    with pytest.raises(Held) as held:
        list(api.figures(posts))
    assert held.value.everyone
    assert batches(upstream) == 0


def test_from_75_percent_on_all_workers_slow_down(client: Client, meta: Meta) -> None:
    meta.calls_per_hour = 5
    api = client(FACEBOOK)
    for expected in (False, False, False, True):
        list(api.posts(5))
        held = RateBucket.objects.get(pk__startswith="Facebook:").held_until
        assert (held > datetime.now(UTC).timestamp()) == expected


@pytest.mark.parametrize(
    ("headers", "percent", "seconds"),
    [
        ({}, 0, None),
        ({"X-App-Usage": '{"call_count":16,"total_cputime":15,"total_time":74}'}, 74, None),
        ({"X-App-Usage": '{"call_count":75}'}, 75, 1),
        ({"X-App-Usage": '{"call_count":"95"}'}, 95, 20),
        ({"X-App-Usage": '{"call_count":300}'}, 300, 20),
        ({"X-Business-Use-Case-Usage": '{"9":[{"total_time":85}],"8":7,"7":[7]}'}, 85, 10.5),
        ({"X-App-Usage": "none", "X-Business-Use-Case-Usage": "[]"}, 0, None),
        ({"X-App-Usage": '{"call_count":"many"}'}, 0, None),
    ],
)
def test_the_headers_tell_how_much_is_used_up(headers: dict[str, str], percent: float, seconds: float | None) -> None:
    assert (used(headers), pause(headers)) == (percent, seconds)
    assert regained_in(headers) is None


@pytest.mark.parametrize("code", [10, 200, 299])
def test_what_is_not_permitted_is_told(client: Client, upstream: Upstream, code: int) -> None:
    upstream.fail("published_posts", 403, body=error(code))
    with pytest.raises(NotPermitted, match="does not permit"):
        list(client(FACEBOOK).posts(10))


@pytest.mark.parametrize("code", [1, 2])
def test_what_is_temporary_is_asked_again(client: Client, upstream: Upstream, code: int) -> None:
    upstream.fail("published_posts", 400, body=error(code))
    upstream.fail("/meta/?", 500, body=error(code))
    assert len(told(client(FACEBOOK))) == POSTS


def test_a_bad_parameter_is_not(client: Client, upstream: Upstream) -> None:
    upstream.fail("published_posts", 400, body=error(100))
    with pytest.raises(UpstreamError, match=r"No\. \(code 100\)"):
        list(client(FACEBOOK).posts(10))
    assert upstream.asked("published_posts") == 1


@pytest.mark.parametrize(("code", "subcode", "why"), [(190, 460, "password"), (190, 463, "expired"), (102, None, "No")])
@pytest.mark.parametrize("place", ["published_posts", "/meta/?"])
def test_a_dead_token_is_told_with_the_reason(
    client: Client, upstream: Upstream, connected: Any, code: int, subcode: int | None, why: str, place: str
) -> None:
    account: Account = connected(FACEBOOK, make_business())
    upstream.fail(place, 400, body=error(code, subcode))
    with pytest.raises(NeedsAuthorisation, match=why):
        told(client(account))
    account.refresh_from_db()
    assert (account.standing, why in account.problem) == ("needs_auth", True)


def test_a_dead_token_in_a_batch_is_one_too(client: Client, upstream: Upstream) -> None:
    body = json.dumps([{"code": 400, "body": error(190).decode()}]).encode()
    upstream.fail("/meta/?", 200, headers=JSON, body=body)
    with pytest.raises(NeedsAuthorisation):
        told(client(FACEBOOK))


@pytest.mark.parametrize("body", [b"{}", b'"x"', b"7"])
def test_an_answer_without_answers_is_an_outage(client: Client, upstream: Upstream, body: bytes) -> None:
    upstream.fail("/meta/?", 200, headers=JSON, body=body, times=9)
    with pytest.raises(UpstreamError, match="no answers"):
        told(client(FACEBOOK))


def test_a_post_without_any_field_is_a_post(client: Client, meta: Meta) -> None:
    meta.extra = [{"id": 2**60}]
    post = next(iter(client(INSTAGRAM).posts(5)))
    assert post == Listed(post_id=str(2**60), kind="FEED")
