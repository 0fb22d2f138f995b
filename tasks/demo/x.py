"""An X of our own: its pages and fields, figures for the author alone, limits told in headers, tokens that rotate."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.demo.audience import FIRST_ID, Published, feed, interest, span, written
from tasks.demo.grants import Grants, refreshed
from tasks.demo.upstream import Clock, Reply, Request

API = "/x/2"
TOKEN_LIFE, REFRESH_LIFE = timedelta(hours=2), timedelta(days=180)
PERIOD = timedelta(minutes=15)
PRIVATE_FOR = timedelta(days=30)
PRIVATE = ("non_public_metrics", "organic_metrics")
DELETED_EVERY, NULLS_EVERY = 37, 19
TIMELINE = re.compile(rf"{API}/users/([0-9]+)/tweets")


class X:
    """Tells of `posts` posts of each user; the public attributes are switches for tests."""

    def __init__(self, clock: Clock, posts: int = 40) -> None:
        self.clock = clock
        self.grants = Grants("x", clock, TOKEN_LIFE, REFRESH_LIFE, rotates=True)
        self.post_fields = "tweet.fields"
        self.biggest_page = 100
        self.reads_per_period = 5000  # of each token
        self.has_flaws = True  # some posts are in the list and nowhere else
        self.is_capped = False
        self.is_owner = True  # the token is the author's, so that it gets private figures
        self.is_public_client = False
        self.bad: set[str] = set()  # ids of posts for which a whole request is refused
        self.more: dict[str, Any] = {}  # further figures of each post
        self.extra: list[Any] = []  # further posts, as they are sent, on each first page
        self._started = clock.now()
        self._first = posts
        self._users: dict[str, str] = {}  # id of a post -> its user
        self._reads: dict[str, list[datetime]] = {}

    def answers(self, path: str) -> bool:
        return path.startswith("/x/")

    def reply(self, request: Request) -> Reply:
        if request.path == f"{API}/oauth2/token":
            return refreshed(request, self.grants, is_public=self.is_public_client)
        if not self.grants.lets_in(request):
            return _problem(401, "about:blank", "Unauthorized", "Unauthorized")
        refused, limits = self._limited(request)
        answer = refused or self._read(request)
        return Reply(answer.status, {**limits, **answer.headers}, answer.body)

    def _read(self, request: Request) -> Reply:
        if self.is_capped:
            return _problem(429, "usage-capped", "UsageCapExceeded", "Usage cap exceeded: Monthly product cap")
        if self.post_fields not in request.params:
            return _problem(400, "invalid-request", "Invalid Request", "One or more parameters was invalid.")
        if found := TIMELINE.fullmatch(request.path):
            return self._timeline(request, found[1])
        return self._lookup(request) if request.path == f"{API}/tweets" else Reply(404)

    def _limited(self, request: Request) -> tuple[Reply | None, dict[str, str]]:
        """The refusal of what is too much, and the headers that each answer has."""
        now, token = self.clock.now(), request.headers.get("authorization", "")
        period = PERIOD.total_seconds()
        begun = math.floor(now.timestamp() / period) * period
        reads = [moment for moment in self._reads.get(token, []) if moment.timestamp() >= begun]
        self._reads[token] = [*reads, now]
        left = self.reads_per_period - len(reads) - 1
        headers = {
            "x-rate-limit-limit": str(self.reads_per_period),
            "x-rate-limit-remaining": str(max(left, 0)),
            "x-rate-limit-reset": str(int(begun + period)),
        }
        if left >= 0:
            return None, headers
        return _problem(429, "rate-limit-exceeded", "Too Many Requests", "Too Many Requests"), headers

    def _feed(self) -> list[Published]:
        return feed(self._first, self._started, self.clock.now())

    def _timeline(self, request: Request, user: str) -> Reply:
        size, token = request.params.get("max_results", "10"), request.params.get("pagination_token", "0")
        if not size.isdecimal() or not 5 <= int(size) <= 100 or not token.isdecimal():
            return _problem(400, "invalid-request", "Invalid Request", "One or more parameters was invalid.")
        start, page = int(token), min(int(size), self.biggest_page)
        posts = self._feed()
        found = [self._post(user, post) for post in posts[start : start + page]]
        meta: dict[str, Any] = {"result_count": len(found)}
        if start + page < len(posts):
            meta["next_token"] = str(start + page)
        sent = found if start else [*self.extra, *found]
        return Reply.of({"data": sent, "meta": meta} if sent else {"meta": meta})

    def _post(self, user: str, post: Published) -> dict[str, Any]:
        post_id = id_of(user, post)
        self._users[post_id] = user
        moment = f"{post.published_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
        told = {"id": post_id, "edit_history_tweet_ids": [post_id], "created_at": moment}
        return {**told, "text": None if post.number % NULLS_EVERY == 4 else post.text}

    def _lookup(self, request: Request) -> Reply:
        ids = request.params.get("ids", "").split(",")
        if not 1 <= len(ids) <= 100 or not all(post_id.isdecimal() for post_id in ids):
            return _problem(400, "invalid-request", "Invalid Request", "ids: from 1 to 100 numbers")
        if self.bad.intersection(ids):
            return _problem(400, "invalid-request", "Invalid Request", "One or more parameters was invalid.")
        fields = request.params[self.post_fields].split(",")
        first, last = span(self._first, self._started, self.clock.now())
        data, errors = [], []
        for post_id in ids:
            user = self._users.get(post_id, "")
            post = written(int(post_id) % FIRST_ID)
            if not user or not first <= post.number <= last or (self.has_flaws and post.number % DELETED_EVERY == 9):
                errors.append(_error(post_id, "resource-not-found", "Not Found Error"))
            elif any(name in fields for name in PRIVATE) and not self._tells_author(post):
                errors.append(_error(post_id, "not-authorized-for-field", "Field Authorization Error"))
            else:
                data.append(self._post(user, post) | self._figures(user, post, fields))
        return Reply.of({**({"data": data} if data else {}), **({"errors": errors} if errors else {})})

    def _tells_author(self, post: Published) -> bool:
        return self.is_owner and post.published_at > self.clock.now() - PRIVATE_FOR

    def _figures(self, user: str, post: Published, fields: list[str]) -> dict[str, Any]:
        found = interest(f"x {user}", post, self.clock.now())
        public = {
            "retweet_count": found.shares,
            "reply_count": found.comments,
            "like_count": str(found.likes) if post.number % NULLS_EVERY == 7 else found.likes,
            "quote_count": found.shares // 5,
            "bookmark_count": None if post.number % NULLS_EVERY == 4 else found.saves,
            "impression_count": found.seen,
        }
        private = {
            "impression_count": found.seen,
            "url_link_clicks": found.clicks,
            "user_profile_clicks": found.clicks // 2,
            "engagements": found.interactions,
        }
        told: dict[str, dict[str, Any]] = {
            "public_metrics": public,
            "non_public_metrics": private,
            "organic_metrics": {**public, **private},
        }
        return {name: figures | self.more for name, figures in told.items() if name in fields}


def id_of(user: str, post: Published) -> str:
    """How X calls a post of that user."""
    return str(FIRST_ID * (1 + int(user) % 1000) + post.number)


def _error(post_id: str, kind: str, title: str) -> dict[str, Any]:
    told = {"resource_id": post_id, "resource_type": "tweet", "title": title, "value": post_id, "parameter": "ids"}
    return {**told, "detail": f"{title}: {post_id}.", "type": f"https://api.twitter.com/2/problems/{kind}"}


def _problem(status: int, kind: str, title: str, detail: str) -> Reply:
    named = kind if ":" in kind else f"https://api.twitter.com/2/problems/{kind}"
    return Reply.of({"title": title, "detail": detail, "type": named, "status": status}, status)
