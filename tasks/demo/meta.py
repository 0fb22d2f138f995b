"""A Graph API of our own, of Facebook and Instagram: cursors, batches, insights, retired names, limits in percent."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tasks.demo.audience import FIRST_ID, Interest, Published, feed, interest, span, written
from tasks.demo.grants import CLIENT_ID, CLIENT_SECRET, Grants, form_of
from tasks.demo.upstream import Clock, Reply, Request

FACEBOOK, INSTAGRAM = "/meta", "/instagram"
VERSION = "v25.0"
TOKEN_LIFE = timedelta(days=60)
YOUNGEST = timedelta(hours=24)  # a token of Instagram that can be renewed
HOUR = timedelta(hours=1)
DELAY = timedelta(hours=8)  # until there are insights
BIGGEST_PAGE, BIGGEST_BATCH = 100, 50
SERIAL = 10**6  # numbers of posts in the id of a media object
GONE_EVERY, FEW_EVERY, REEL_EVERY, VIDEO_EVERY, NULLS_EVERY = 37, 41, 4, 7, 17
LIST = re.compile(rf"/{VERSION}/([0-9]+)/(published_posts|media)")
INSIGHTS = re.compile(rf"/?{VERSION}/([0-9]+)_([0-9]+)/insights|/?{VERSION}/([0-9]+)/insights")
VIDEO = re.compile(rf"/?{VERSION}/([0-9]+)/video_insights")
REEL_METRICS = {
    *("fb_reels_total_plays", "blue_reels_play_count", "post_impressions_unique"),
    "post_video_likes_by_reaction_type",
}
POST_METRICS = {"post_media_view", "post_total_media_view_unique", "post_clicks", "post_reactions_by_type_total"}
MEDIA_METRICS = {"views", "reach", "likes", "comments", "saved", "shares", "total_interactions"}


class Meta:
    """Tells of `posts` posts of each page or account; the public attributes are switches for tests."""

    def __init__(self, clock: Clock, posts: int = 40) -> None:
        self.clock = clock
        self.grants = Grants("meta", clock, TOKEN_LIFE, TOKEN_LIFE, rotates=False)
        self.biggest_page = BIGGEST_PAGE
        self.calls_per_hour = 100_000
        self.retired = {"REELS": {"saved"}}  # kind of post -> names of figures that are no longer known
        self.more: dict[str, Any] = {}  # further insights of each post
        self.extra: list[Any] = []  # further posts, as they are sent, on each first page
        self.has_flaws = True  # some posts are in the list and nowhere else, some have too few visitors
        self.has_reels = True  # some posts of pages are
        self.slow: set[str] = set()  # ids of posts that are answered with null, once
        self.forbidden: set[str] = set()  # ids of pages and accounts
        self.minutes = 0  # until access is regained, as the headers tell it
        self._started = clock.now()
        self._first = posts
        self._kinds: dict[str, str] = {}  # id of a media object -> its account
        self._videos: dict[str, str] = {}  # number of a video -> the post of a page that is a reel
        self._calls: list[tuple[datetime, int]] = []

    def answers(self, path: str) -> bool:
        return path.startswith((f"{FACEBOOK}/", f"{INSTAGRAM}/"))

    def reply(self, request: Request) -> Reply:
        is_instagram = request.path.startswith(f"{INSTAGRAM}/")
        path = request.path.removeprefix(INSTAGRAM if is_instagram else FACEBOOK)
        if path in (f"/{VERSION}/oauth/access_token", "/refresh_access_token"):
            return self._renew(request)
        if "access_token" in request.params:
            return _error(100, "In this house tokens go into the header")
        if not self.grants.lets_in(request):
            return _error(190, "Error validating access token: Session has expired", subcode=463)
        refused = self._limited(request)
        answer = refused or (self._batch(request) if request.method == "POST" else self._list(path, request))
        return Reply(answer.status, {**self._usage(), **answer.headers}, answer.body)

    def _renew(self, request: Request) -> Reply:
        form = {**request.params, **form_of(request)}
        if form.get("grant_type") == "fb_exchange_token":
            if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
                return _error(101, "Error validating application.")
            token = form.get("fb_exchange_token", "")
        else:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not self.grants.is_good(token):
            return _error(190, "Error validating access token: Session has expired", subcode=463)
        told = {"access_token": self.grants.access(), "token_type": "bearer"}
        return Reply.of({**told, "expires_in": int(TOKEN_LIFE.total_seconds())})

    def _limited(self, request: Request) -> Reply | None:
        now = self.clock.now()
        calls = len(json.loads(form_of(request).get("batch", "[]"))) if request.method == "POST" else 1
        self._calls = [*((moment, count) for moment, count in self._calls if moment > now - HOUR), (now, calls)]
        if self._used() > self.calls_per_hour:
            self._calls.pop()
            return _error(4, "Application request limit reached", kind="OAuthException")
        return None

    def _used(self) -> int:
        return sum(count for _, count in self._calls)

    def _usage(self) -> dict[str, str]:
        percent = self._used() * 100 // self.calls_per_hour
        app = {"call_count": percent, "total_cputime": percent // 2, "total_time": percent // 3}
        case = {**app, "type": "pages", "estimated_time_to_regain_access": self.minutes}
        return {"X-App-Usage": json.dumps(app), "X-Business-Use-Case-Usage": json.dumps({"9": [case]})}

    def _list(self, path: str, request: Request) -> Reply:
        found = LIST.fullmatch(path)
        if not found:
            return _error(2635, "You are calling a deprecated version of the API, or nothing at all.")
        account, is_instagram = found[1], found[2] == "media"
        if account in self.forbidden:
            return _error(10, "(#10) This endpoint requires the 'pages_read_engagement' permission")
        size = min(int(request.params.get("limit", 25)), self.biggest_page)
        after, _, was_empty = request.params.get("after", "0").partition("-")
        start = int(after)
        posts = feed(self._first, self._started, self.clock.now())
        shown = posts[start : start + size]
        if start == size and not was_empty:  # the second page is empty, and yet not the last
            return _page([], f"{start}-empty", following=True)
        sent = [self._media(account, post) if is_instagram else self._post(account, post) for post in shown]
        sent = sent if start else [*self.extra, *sent]
        return _page(sent, str(start + size), following=start + size < len(posts))

    def _post(self, account: str, post: Published) -> dict[str, Any]:
        found = interest(f"meta {account}", post, self.clock.now())
        told: dict[str, Any] = {
            "id": id_of(account, post),
            "message": post.text,
            "created_time": f"{post.published_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}+0000",
            "permalink_url": self._address(account, post),
            "comments": {"data": [], "summary": {"total_count": found.comments, "can_comment": True}},
            "reactions": {"data": [], "summary": {"total_count": found.likes}},
        }
        return told | ({"shares": {"count": found.shares}} if found.shares else {})

    def _address(self, account: str, post: Published) -> str:
        if not self._is_reel(post):
            return f"https://www.facebook.com/{account}/posts/{post.post_id}"
        video = str(9 * 10**15 + int(account) % 1000 * SERIAL + post.number)
        self._videos[video] = id_of(account, post)
        return f"https://www.facebook.com/reel/{video}/"

    def _is_reel(self, post: Published) -> bool:
        return self.has_reels and _kind(post) == "REELS"

    def _media(self, account: str, post: Published) -> dict[str, Any]:
        found = interest(f"meta {account}", post, self.clock.now())
        media_id = id_of(account, post, is_instagram=True)
        self._kinds[media_id] = account
        is_reel = _kind(post) == "REELS"
        return {
            "id": media_id,
            "caption": None if post.number % NULLS_EVERY == 4 else post.text,
            "media_type": "VIDEO" if is_reel or post.number % VIDEO_EVERY == 1 else "IMAGE",
            "media_product_type": _kind(post),
            "permalink": f"https://www.instagram.com/p/{post.number}/",
            "timestamp": f"{post.published_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}+0000",
            "like_count": found.likes,
            "comments_count": found.comments,
        }

    def _batch(self, request: Request) -> Reply:
        asked = json.loads(form_of(request).get("batch", "[]"))
        if len(asked) > BIGGEST_BATCH:
            return _error(100, "Too many requests in batch message. Maximum batch size is 50")
        return Reply.of([self._part(str(each.get("relative_url"))) for each in asked])

    def _part(self, relative: str) -> dict[str, Any] | None:
        parts = urlsplit(relative)
        video = VIDEO.fullmatch(parts.path)
        found = INSIGHTS.fullmatch(parts.path) or video
        post_id = self._videos.get(video[1], "") if video else parts.path.split("/")[-2] if found else ""
        if post_id in self.slow:
            self.slow.remove(post_id)
            return None
        answer = self._insights(post_id, dict(parse_qsl(parts.query))) if found else _error(100, "Unknown path")
        return {"code": answer.status, "body": answer.body.decode()}

    def _insights(self, post_id: str, params: Mapping[str, str]) -> Reply:
        account = post_id.partition("_")[0] if "_" in post_id else self._kinds.get(post_id, "")
        is_instagram = "_" not in post_id
        post = self._published(account, post_id)
        if post is None or (self.has_flaws and post.number % GONE_EVERY == 9):
            return _error(100, f"Unsupported get request. Object with ID '{post_id}' does not exist", subcode=33)
        kind = _kind(post) if is_instagram else "reel" if self._is_reel(post) else "post"
        names = params.get("metric", "").split(",")
        known = {"post": POST_METRICS, "reel": REEL_METRICS}.get(kind, MEDIA_METRICS) - self.retired.get(kind, set())
        if not set(names) <= known:
            return _error(100, "(#100) The value must be a valid insights metric")
        if self.has_flaws and is_instagram and post.number % FEW_EVERY == 9:
            return _error(10, "(#10) Not enough viewers for the media to show insights")
        if self.clock.now() - post.published_at < DELAY:
            return Reply.of({"data": []})
        found = _figures(interest(f"meta {account}", post, self.clock.now()), kind)
        values = {name: found[name] for name in names} | self.more
        return Reply.of({"data": [_insight(post_id, name, value) for name, value in values.items()], "paging": {}})

    def _published(self, account: str, post_id: str) -> Published | None:
        """The post of that id; None if there is none."""
        number = int(post_id) % SERIAL if "_" not in post_id else int(post_id.partition("_")[2]) - FIRST_ID
        first, last = span(self._first, self._started, self.clock.now())
        return written(number) if account and first <= number <= last else None


def id_of(account: str, post: Published, *, is_instagram: bool = False) -> str:
    """How a post of that page or account is called."""
    if is_instagram:
        return str(18 * 10**15 + int(account) % 1000 * SERIAL + post.number)
    return f"{account}_{post.post_id}"


def _kind(post: Published) -> str:
    return "REELS" if post.number % REEL_EVERY == 2 else "FEED"


def _figures(found: Interest, kind: str) -> dict[str, Any]:
    love = found.likes // 6
    if kind == "post":
        return {
            "post_media_view": found.seen,
            "post_total_media_view_unique": found.people,
            "post_clicks": found.clicks,
            "post_reactions_by_type_total": {"like": found.likes - love, "love": love},
        }
    if kind == "reel":
        return {
            "fb_reels_total_plays": found.seen,
            "blue_reels_play_count": found.seen - found.seen // 5,
            "post_impressions_unique": found.people,
            "post_video_likes_by_reaction_type": {"REACTION_LIKE": found.likes - love, "REACTION_LOVE": love},
        }
    told = {"views": found.seen, "reach": found.people, "likes": found.likes, "comments": found.comments}
    return {
        **told,
        "saved": found.saves,
        "shares": found.shares,
        "total_interactions": found.interactions - found.clicks,
    }


def _insight(post_id: str, name: str, value: Any) -> dict[str, Any]:
    told = {"name": name, "period": "lifetime", "values": [{"value": value}], "title": name, "description": "…"}
    return {**told, "id": f"{post_id}/insights/{name}/lifetime"}


def _page(items: list[Any], after: str, *, following: bool) -> Reply:
    paging: dict[str, Any] = {"cursors": {"before": "0", "after": after}}
    if following:
        paging["next"] = "https://graph.facebook.com/next"
    return Reply.of({"data": items, "paging": paging})


def _error(code: int, message: str, *, subcode: int | None = None, kind: str = "GraphMethodException") -> Reply:
    told: dict[str, Any] = {"message": message, "type": kind, "code": code, "fbtrace_id": "Ab1"}
    return Reply.of({"error": told | ({"error_subcode": subcode} if subcode else {})}, 400)
