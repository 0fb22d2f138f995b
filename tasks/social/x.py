"""X, spoken to over HTTP: the posts of a user, and what became of them.

Some figures are given to their author alone, and for thirty days. Who asks for them otherwise gets an error in place
of the post, so that posts are asked for by age, and once more for their public figures where that was not enough.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.exceptions import InvalidItem, UpstreamError
from tasks.http import LONGEST_WAIT, Answer, Client, Deadline, Rate
from tasks.social import figures as words
from tasks.social.asking import (
    BAD_REQUEST,
    SEVERAL,
    Asking,
    as_object,
    chunks,
    fields_of,
    halved,
    list_of,
    midnight,
    told_in,
    waits,
    within,
    word,
)
from tasks.social.conf import Options
from tasks.social.exceptions import Held, NotPermitted, TokenRefused
from tasks.social.figures import Figures, Listed, Settled, Trouble
from tasks.social.models import Account
from tasks.social.tokens import Clock, Tokens

RATE = Rate(per_second=3.5, burst=50)  # for each user, by whose token we ask: X allows 5000 in 15 minutes
PAGE, SMALLEST_PAGE = 100, 5  # posts
BATCH = 100  # ids in one request, the most
PRIVATE_FOR = timedelta(days=30) - timedelta(hours=1)  # an hour for clocks that differ
SCARCE = 0.1  # of its limit is left: slow down
PUBLIC = "created_at,public_metrics"
PRIVATE = f"{PUBLIC},non_public_metrics,organic_metrics"
REFUSALS = frozenset({400, 401, 403, 404, 429})
GONE = ("resource-not-found",)
KNOWN = {
    *("retweet_count", "reply_count", "like_count", "quote_count", "bookmark_count", "impression_count"),
    *("url_link_clicks", "user_profile_clicks", "engagements"),
}
GROUPS = ("public_metrics", "non_public_metrics", "organic_metrics")


class X:
    def __init__(self, account: Account, options: Options, deadline: Deadline, clock: Clock) -> None:
        self._user = account.external_id.strip()
        if not self._user.isdecimal():
            raise InvalidItem(f"{self._user[:60]!r} is no user of X: its id is a number.")
        self._options, self._clock = options, clock
        client = Client(
            "X",
            options.x_url,
            deadline=deadline,
            headers={"User-Agent": options.user_agent},
            rate=RATE,
            credential=f"{options.x_client_id} {self._user}",
            pause=lambda headers, _: pause(headers, clock()),
        )
        self._asking = Asking(client, Tokens(account, options, deadline, clock), clock)

    def close(self) -> None:
        self._asking.client.close()

    def posts(self, limit: int) -> Iterator[Listed]:
        """The latest; what the user has only passed on is not his."""
        left, token = limit, ""
        for _ in range(SEVERAL):
            params: dict[str, str | int] = {
                "max_results": max(min(left, PAGE), SMALLEST_PAGE),
                "exclude": "retweets",
                self._options.x_post_fields: "created_at",
                **({"pagination_token": token} if token else {}),
            }
            found = self._get(f"/users/{self._user}/tweets", params)
            if "data" not in found and "errors" in found:
                raise _refusal(next(iter(_errors(found)), {}))
            posts = [post for item in list_of(found, "data") if (post := parse_post(item))][:left]
            yield from posts
            left -= len(posts)
            following = within(found, "meta", "next_token")
            if left <= 0 or not isinstance(following, str) or following in ("", token):
                return
            token = following

    def figures(self, posts: Sequence[Listed]) -> Iterator[Settled]:
        """Of posts under thirty days what their author alone is told, if the token is his; of others what all are."""
        since = self._clock() - PRIVATE_FOR
        private = self._options.x_private_metrics
        young = [post for post in posts if private and post.published_at and post.published_at > since]
        ids = {post.post_id for post in young}
        for batch in chunks(young, BATCH):
            yield from self._private(batch)
        for batch in chunks([post for post in posts if post.post_id not in ids], BATCH):
            yield from halved(batch, self._public)

    def _public(self, batch: Sequence[Listed]) -> list[Settled]:
        return self._settled(batch, PUBLIC)

    def _private(self, batch: Sequence[Listed]) -> Iterator[Settled]:
        """Those that are refused are asked for once more, for what is public."""
        try:
            first = self._settled(batch, PRIVATE)
        except (NotPermitted, UpstreamError) as error:
            if isinstance(error, UpstreamError) and error.status not in BAD_REQUEST:
                raise
            first = [(post, Trouble(str(error))) for post in batch]
        yield from ((post, found) for post, found in first if not _may_be_public(found))
        if rest := [post for post, found in first if _may_be_public(found)]:
            yield from halved(rest, self._public)

    def _settled(self, batch: Sequence[Listed], fields: str) -> list[Settled]:
        """Each post with its figures, or with what X has against it."""
        ids = ",".join(post.post_id for post in batch)
        params = {"ids": ids, self._options.x_post_fields: fields}
        found = self._asking.get("/tweets", self._read_posts, REFUSALS, params=params)
        told: dict[str, Figures | Trouble] = {}
        for error in _errors(found):
            told.setdefault(word(error.get("resource_id") or error.get("value"), 100), parse_error(error))
        for item in list_of(found, "data"):
            if isinstance(item, Mapping):
                told[word(item.get("id"), 100)] = parse_figures(item)
        nothing = Trouble("X said nothing of this post", "missing")
        return [(post, told.get(post.post_id, nothing)) for post in batch]

    def _get(self, path: str, params: Mapping[str, str | int]) -> dict[str, Any]:
        return self._asking.get(path, self._read, REFUSALS, params=params)

    def _read(self, answer: Answer) -> dict[str, Any]:
        if answer.status not in REFUSALS:
            found = told_in(as_object(answer), "data")
            self._note_rest(answer)
            return found
        told = fields_of(answer)
        if answer.status == 429:
            raise self._limit(answer, told)
        if answer.status == 401:
            raise TokenRefused("X does not accept the token.", code="401")
        raise _refusal(told, answer.status)

    def _read_posts(self, answer: Answer) -> dict[str, Any]:
        """What X does not find there is a post, and no user."""
        if answer.status == 404:
            raise UpstreamError(f"refuses this: {_said(fields_of(answer), 404)}", status=404)
        return self._read(answer)

    def _limit(self, answer: Answer, told: Mapping[str, Any]) -> Exception:
        """A cap is one of money, for the day; a limit lasts for a quarter of an hour at most."""
        now, code = self._clock(), _kind(told)
        if code == "usage-capped":
            return Held("X's cap on what our app may read is reached.", midnight(now), everyone=True, code=code)
        until = reset_of(answer.headers)
        seconds = (until - now).total_seconds() if until else waits(answer, now)
        if seconds is not None and seconds > LONGEST_WAIT:
            until = now + timedelta(seconds=min(seconds, 86_400))
            return Held("X's limit is reached.", until, everyone=False, code=code or "429")
        wait = max(seconds, 1.0) if seconds is not None else None
        return UpstreamError("answered 429", status=429, code=code, retryable=True, retry_after=wait)

    def _note_rest(self, answer: Answer) -> None:
        until = reset_of(answer.headers)
        if until and words.count(answer.headers.get("x-rate-limit-remaining")) == 0:
            self._asking.rest(until, everyone=False)


def pause(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until the next request, so that what is left of the limit lasts until X counts anew.

    None also if nothing is left for long: then the account is held back, and no worker waits.
    """
    limit, left = (words.count(headers.get(f"x-rate-limit-{name}")) for name in ("limit", "remaining"))
    until = reset_of(headers)
    if until is None or left is None or left > SCARCE * (limit or 0):
        return None
    seconds = (until - now).total_seconds()
    if not left:
        return seconds if seconds <= LONGEST_WAIT else None
    return seconds / (left + 1)


def reset_of(headers: Mapping[str, str]) -> datetime | None:
    """When X counts anew."""
    second = words.count(headers.get("x-rate-limit-reset"))
    try:
        return datetime.fromtimestamp(second, UTC) if second else None
    except (OverflowError, ValueError, OSError):
        return None


def parse_post(raw: Any) -> Listed | None:
    """A post of a list; None for what is none."""
    try:
        post_id = words.identity(within(raw, "id"))
    except ValueError:
        return None
    return Listed(
        post_id=post_id,
        kind="post",
        text=words.text(within(raw, "text")),
        url=f"https://x.com/i/status/{post_id}" if post_id.isdecimal() else "",
        published_at=words.moment(within(raw, "created_at")),
    )


def parse_figures(raw: Mapping[str, Any]) -> Figures:
    """The figures of one post: public ones, and those for its author if they are there."""
    told = {group: raw[group] for group in GROUPS if isinstance(raw.get(group), Mapping)}
    public, private, organic = (told.get(group, {}) for group in GROUPS)
    counted = {name: words.count(value) for name, value in {**organic, **private, **public}.items()}
    found = {
        "impressions": counted.get("impression_count"),
        "likes": counted.get("like_count"),
        "comments": counted.get("reply_count"),
        "shares": words.total(counted.get("retweet_count"), counted.get("quote_count")),
        "saves": counted.get("bookmark_count"),
        "clicks": counted.get("url_link_clicks"),
    }
    unknown = {str(name) for group in told.values() for name in group if name not in KNOWN}
    return words.gathered(found, told, unknown, interactions=counted.get("engagements"))


def parse_error(raw: Mapping[str, Any]) -> Trouble:
    """What X has against one post."""
    code = _kind(raw)
    told = word(raw.get("detail")) or word(raw.get("title")) or "X gives no figures of this post"
    return Trouble(told, code, is_gone=code in GONE)


def _may_be_public(found: Figures | Trouble) -> bool:
    return isinstance(found, Trouble) and not found.is_gone


def _refusal(told: Mapping[str, Any], status: int | None = None) -> Exception:
    code = _kind(told)
    message = _said(told, status)
    if status == 403 or code in ("client-forbidden", "not-authorized-for-resource"):
        return NotPermitted(f"X does not permit this: {message}", code=code)
    if status == 404 or code in GONE:
        return NotPermitted(f"X knows no such user: {message}", code=code)
    return UpstreamError(f"refuses this: {message}", status=status, code=code)


def _said(told: Mapping[str, Any], status: int | None) -> str:
    return word(told.get("detail")) or word(told.get("title")) or f"it answered {status}"


def _errors(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [error for error in list_of(found, "errors") if isinstance(error, Mapping)]


def _kind(raw: Mapping[str, Any]) -> str:
    """The last word of the address that names a kind of error."""
    return word(raw.get("type"), 300).rstrip("/").rpartition("/")[2][:100]
