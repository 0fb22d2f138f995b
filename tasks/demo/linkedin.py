"""A LinkedIn of our own: its headers and versions, encoded URNs, limits of a day, refresh tokens that end for good."""

import re
from datetime import date, timedelta
from typing import Any

from tasks.demo.audience import Published, feed, interest
from tasks.demo.grants import Grants, refreshed
from tasks.demo.upstream import Clock, Reply, Request

REST, SIGN_IN = "/linkedin/rest", "/linkedin/oauth/v2/accessToken"
BIGGEST_PAGE = 100
OLDEST_VERSION = "202510"
TOKEN_LIFE, REFRESH_LIFE = timedelta(days=60), timedelta(days=365)
QUIET_EVERY, NULLS_EVERY, DRAFT_EVERY = 29, 23, 31
IN_LIST = re.compile(r"[?&](shares|ugcPosts)=List\(([^()&]+)\)")  # as sent: the URNs encoded, what holds them not


class LinkedIn:
    """Tells of `posts` posts of each organisation; the public attributes are switches for tests."""

    def __init__(self, clock: Clock, posts: int = 40) -> None:
        self.clock = clock
        self.grants = Grants("linkedin", clock, TOKEN_LIFE, REFRESH_LIFE, rotates=False)
        self.biggest_page = BIGGEST_PAGE
        self.requests_per_day = 100_000
        self.extra: list[Any] = []  # further posts, as they are sent, on each first page
        self.bad: set[str] = set()  # URNs for which a whole request is refused
        self.more: dict[str, Any] = {}  # further figures of each post
        self.forbidden: set[str] = set()  # URNs of organisations
        self.has_flaws = True  # some posts are drafts, of some nothing is told
        self.overlap = 0  # so many posts of a page come again on the next one
        self._started = clock.now()
        self._first = posts
        self._asked: tuple[date, int] = (self._started.date(), 0)

    def answers(self, path: str) -> bool:
        return path.startswith("/linkedin/")

    def reply(self, request: Request) -> Reply:
        if request.path == SIGN_IN:
            return refreshed(request, self.grants)
        return self._refusal(request) or self._read(request)

    def _read(self, request: Request) -> Reply:
        author = request.params.get("author") or request.params.get("organizationalEntity", "")
        if not author.startswith("urn:li:organization:"):
            return _error(400, "ILLEGAL_ARGUMENT", "There is no such author.")
        if author in self.forbidden:
            return _error(403, "ACCESS_DENIED", "Not enough permissions to access this organisation.")
        if request.path == f"{REST}/posts":
            return self._posts(request, author)
        if request.path == f"{REST}/organizationalEntityShareStatistics":
            return self._statistics(request, author)
        return _error(404, "NOT_FOUND", "No resource here.")

    def _refusal(self, request: Request) -> Reply | None:
        version = request.headers.get("linkedin-version", "")
        if not re.fullmatch(r"20[0-9]{4}", version):
            return _error(400, "VERSION_MISSING", "A version must be present.")
        if version < OLDEST_VERSION:
            return _error(426, "NONEXISTENT_VERSION", f"Requested version {version} is not active")
        if request.headers.get("x-restli-protocol-version") != "2.0.0" or "urn:li" in request.target:
            return _error(400, "ILLEGAL_ARGUMENT", "Invalid query parameters passed to request")
        if not self.grants.lets_in(request):
            return _error(401, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired", 65601)
        today, asked = self.clock.now().date(), self._asked
        self._asked = (today, asked[1] + 1 if asked[0] == today else 1)
        if self._asked[1] > self.requests_per_day:
            throttled = "Resource level throttle APPLICATION_DAY limit for calls to this resource is reached."
            return _error(429, "TOO_MANY_REQUESTS", throttled, 101)
        return None

    def _feed(self) -> list[Published]:
        return feed(self._first, self._started, self.clock.now())

    def _posts(self, request: Request, author: str) -> Reply:
        size = min(max(int(request.params.get("count", 10)), 1), self.biggest_page)
        start = max(int(request.params.get("start", 0)), 0)
        begin = max(start - self.overlap, 0)
        page = [self._post(author, post) for post in self._feed()[begin : begin + size]]
        sent = page if start else [*self.extra, *page]
        return Reply.of({"paging": {"start": start, "count": size, "links": []}, "elements": sent})

    def _statistics(self, request: Request, author: str) -> Reply:
        found = IN_LIST.search(request.target)
        if not found:
            return _error(400, "ILLEGAL_ARGUMENT", "Array parameter is not a List")
        kind = "share" if found[1] == "shares" else "ugcPost"
        urns = [urn.replace("%3A", ":") for urn in found[2].split(",")]
        if any(not urn.startswith(f"urn:li:{kind}:") for urn in urns):
            return _error(400, "ILLEGAL_ARGUMENT", f"{found[1]} takes URNs of that type alone")
        if self.bad.intersection(urns):
            return _error(404, "NOT_FOUND", "Could not find entity")
        posts = {urn_of(post): post for post in self._feed()}
        named = [posts[urn] for urn in urns if urn in posts and not self._is_quiet(posts[urn])]
        told = [self._told(author, kind, post) for post in named]
        return Reply.of({"paging": {"start": 0, "count": 10, "links": []}, "elements": told})

    def _post(self, author: str, post: Published) -> dict[str, Any]:
        moment = int(post.published_at.timestamp() * 1000)
        return {
            "id": urn_of(post),
            "author": author,
            "commentary": None if post.number % NULLS_EVERY == 5 else post.text,
            "createdAt": moment,
            "publishedAt": moment,
            "lastModifiedAt": moment,
            "lifecycleState": "DRAFT" if self.has_flaws and post.number % DRAFT_EVERY == 11 else "PUBLISHED",
            "visibility": "PUBLIC",
            "shelf": {"row": post.number},  # a field that nobody has announced
        }

    def _is_quiet(self, post: Published) -> bool:
        return self.has_flaws and post.number % QUIET_EVERY == 7

    def _told(self, author: str, kind: str, post: Published) -> dict[str, Any]:
        found = interest(author, post, self.clock.now())
        figures: dict[str, Any] = {
            "uniqueImpressionsCount": found.people,
            "impressionCount": str(found.seen) if post.number % NULLS_EVERY == 3 else found.seen,
            "clickCount": found.clicks,
            "likeCount": found.likes,
            "commentCount": found.comments,
            "shareCount": None if post.number % NULLS_EVERY == 5 else found.shares,
            "engagement": (found.interactions - found.saves) / found.seen if found.seen else 0,
            **self.more,
        }
        return {"organizationalEntity": author, kind: urn_of(post), "totalShareStatistics": figures}


def urn_of(post: Published) -> str:
    """How LinkedIn calls it."""
    return f"urn:li:{'ugcPost' if post.number % 3 == 2 else 'share'}:{post.post_id}"


def _error(status: int, code: str, message: str, number: int = 100) -> Reply:
    return Reply.of({"status": status, "serviceErrorCode": number, "code": code, "message": message}, status)
