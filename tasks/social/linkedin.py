"""LinkedIn, spoken to over HTTP: the posts of an organisation, and what became of them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from tasks.exceptions import InvalidItem, UpstreamError
from tasks.http import LONGEST_WAIT, Answer, Client, Deadline, Rate
from tasks.social import figures as words
from tasks.social.asking import Asking, as_object, chunks, fields_of, halved, listed_in, midnight, waits, within, word
from tasks.social.conf import Options
from tasks.social.exceptions import Held, NotPermitted, TokenRefused
from tasks.social.figures import Figures, Listed, Settled, Trouble
from tasks.social.models import Account
from tasks.social.tokens import Clock, Tokens

RATE = Rate(per_second=5, burst=20)  # its limits are of a day
PAGE = 100  # posts, the most
BATCH = 50  # posts whose figures are asked for at once: an address has its limits
LISTS = {"share": "shares", "ugcPost": "ugcPosts"}  # type of a URN -> the parameter with those
URN = re.compile(r"urn:li:(share|ugcPost):[0-9A-Za-z_-]{1,60}")
AUTHOR = re.compile(r"urn:li:organization(?:Brand)?:[0-9]{1,30}")
REFUSALS = frozenset({400, 401, 403, 404, 426, 429})
NAMES = {
    "impressionCount": "impressions",
    "uniqueImpressionsCount": "reach",
    "likeCount": "likes",
    "commentCount": "comments",
    "shareCount": "shares",
    "clickCount": "clicks",
}
KNOWN = {*NAMES, "engagement", "shareMentionsCount", "commentMentionsCount"}


class LinkedIn:
    def __init__(self, account: Account, options: Options, deadline: Deadline, clock: Clock) -> None:
        self._author = _author(account.external_id)
        self._clock = clock
        self._version = options.linkedin_version
        client = Client(
            "LinkedIn",
            options.linkedin_url,
            deadline=deadline,
            headers={
                "User-Agent": options.user_agent,
                "LinkedIn-Version": options.linkedin_version,
                "X-Restli-Protocol-Version": "2.0.0",
            },
            rate=RATE,
            credential=options.linkedin_client_id,
        )
        self._asking = Asking(client, Tokens(account, options, deadline, clock), clock)

    def close(self) -> None:
        self._asking.client.close()

    def posts(self, limit: int) -> Iterator[Listed]:
        """Those changed last come first; what is no post, or no published one, is left out."""
        start, size = 0, min(limit, PAGE)
        while start < limit:
            path = f"/posts?q=author&author={_encoded(self._author)}&count={size}&start={start}&sortBy=LAST_MODIFIED"
            found = self._get(path)
            raw = listed_in(found, "elements")
            yield from (post for item in raw[: limit - start] if (post := parse_post(item)))
            start += len(raw)
            if not raw or len(raw) < (words.count(within(found, "paging", "count")) or size):
                return

    def figures(self, posts: Sequence[Listed]) -> Iterator[Settled]:
        """A post that LinkedIn does not name had no visitors lately, or nothing is told of it: no figures."""
        for kind, parameter in LISTS.items():
            ours = [post for post in posts if _kind(post.post_id) == kind]
            for batch in chunks(ours, BATCH):
                yield from halved(batch, partial(self._statistics, parameter, kind))
        yield from (
            (post, Trouble("LinkedIn has no figures of this kind of post")) for post in posts if not _is_ours(post)
        )

    def _statistics(self, parameter: str, kind: str, batch: Sequence[Listed]) -> list[Settled]:
        ids = ",".join(_encoded(post.post_id) for post in batch)
        author = _encoded(self._author)
        path = (
            f"/organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity={author}"
            f"&{parameter}=List({ids})&start=0&count={len(batch)}"
        )
        told: dict[str, Figures | Trouble] = {}
        for raw in listed_in(self._get(path), "elements"):
            urn = within(raw, kind)
            if isinstance(urn, str):
                told[urn] = parse_figures(within(raw, "totalShareStatistics"))
        return [(post, told.get(post.post_id, Figures())) for post in batch]

    def _get(self, path: str) -> dict[str, Any]:
        return self._asking.get(path, self._read, REFUSALS)

    def _read(self, answer: Answer) -> dict[str, Any]:
        if answer.status not in REFUSALS:
            found = as_object(answer)
            listed_in(found, "elements")
            return found
        told = fields_of(answer)
        code, message = word(told.get("code"), 100), word(told.get("message"))
        if answer.status == 401:
            raise TokenRefused("LinkedIn does not accept the token.", code=code)
        if answer.status == 403:
            raise NotPermitted(f"LinkedIn does not permit this: {message or code}", code=code)
        if answer.status == 426:
            raise UpstreamError(
                f"no longer knows version {self._version} of its API: set LINKEDIN_VERSION to a later month", code=code
            )
        if answer.status == 429:
            raise self._limit(answer, code, message)
        raise UpstreamError(f"answered {answer.status} {message or code}".rstrip(), status=answer.status, code=code)

    def _limit(self, answer: Answer, code: str, message: str) -> Exception:
        """A short pause if LinkedIn asks for one; else its limit of the day, which begins anew at midnight, UTC."""
        now = self._clock()
        seconds = waits(answer, now)
        if seconds and seconds <= LONGEST_WAIT:
            return UpstreamError("answered 429", status=429, code=code, retryable=True, retry_after=seconds)
        until = now + timedelta(seconds=min(seconds, 86_400)) if seconds else midnight(now)
        told = "LinkedIn's limit is reached" if seconds else "LinkedIn's limit of the day is reached"
        return Held(f"{told}. {message}".rstrip(), until, everyone="MEMBER" not in message.upper(), code=code or "429")


def parse_post(raw: Any) -> Listed | None:
    """A post of a list; None for what is none, or not public yet."""
    urn = within(raw, "id")
    if not isinstance(urn, str) or not URN.fullmatch(urn) or within(raw, "lifecycleState") not in ("PUBLISHED", None):
        return None
    return Listed(
        post_id=urn,
        kind=_kind(urn),
        text=words.text(within(raw, "commentary")),
        url=f"https://www.linkedin.com/feed/update/{urn}/",
        published_at=words.moment(within(raw, "publishedAt") or within(raw, "createdAt")),
    )


def parse_figures(raw: Any) -> Figures | Trouble:
    """The figures of one post."""
    if not isinstance(raw, Mapping):
        return Trouble("LinkedIn sent no figures of it")
    found = {ours: words.count(raw.get(theirs)) for theirs, ours in NAMES.items()}
    told = words.ratio(raw.get("engagement"))
    return words.gathered(found, raw, (str(name) for name in raw if name not in KNOWN), ratio=told)


def _author(external_id: str) -> str:
    """The URN of an organisation, which may be entered as its number alone."""
    known = external_id.strip()
    urn = f"urn:li:organization:{known}" if known.isdecimal() else known
    if not AUTHOR.fullmatch(urn):
        raise InvalidItem(f"{known[:60]!r} is no page of LinkedIn: its id is like urn:li:organization:123.")
    return urn


def _kind(urn: str) -> str:
    return urn.split(":")[2] if urn.count(":") >= 3 else ""


def _is_ours(post: Listed) -> bool:
    return _kind(post.post_id) in LISTS


def _encoded(urn: str) -> str:
    return quote(urn, safe="")
