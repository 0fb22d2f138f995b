"""The media of a professional Instagram account, and what became of them."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from tasks.exceptions import InvalidItem
from tasks.http import Deadline
from tasks.social import figures as words
from tasks.social.asking import within
from tasks.social.conf import Options
from tasks.social.figures import Figures, Listed, Settled, Trouble
from tasks.social.insights import Insights, Values
from tasks.social.meta import Graph
from tasks.social.models import Account
from tasks.social.refused import Wanted
from tasks.social.tokens import Clock

PAGE = 50  # media
FIELDS = "id,caption,media_type,media_product_type,permalink,timestamp,like_count,comments_count"
FEED = ("views", "reach", "likes", "comments", "saved", "shares", "total_interactions")
METRICS = {"": FEED, "STORY": ("views", "reach", "shares", "replies", "total_interactions")}
NAMES = {
    "views": "impressions",
    "reach": "reach",
    "likes": "likes",
    "comments": "comments",
    "replies": "comments",  # of a story
    "saved": "saves",
    "shares": "shares",
}
INTERACTIONS = "total_interactions"
FROM_LIST = {"likes": "like_count", "comments": "comments_count"}  # where insights do not tell


class Instagram:
    def __init__(self, account: Account, options: Options, deadline: Deadline, clock: Clock, wanted: Wanted) -> None:
        self._user = account.external_id.strip()
        if not self._user.isdecimal():
            raise InvalidItem(f"{self._user[:60]!r} is no account of Instagram: its id is a number.")
        self._graph = Graph(account, options, deadline, clock)
        self._insights = Insights(self._graph, wanted, METRICS, clock)

    def close(self) -> None:
        self._graph.close()

    def posts(self, limit: int) -> Iterator[Listed]:
        raw = self._graph.pages(f"/{self._user}/media", {"fields": FIELDS, "limit": min(limit, PAGE)})
        return islice((post for item in raw if (post := parse_post(item))), limit)

    def figures(self, posts: Sequence[Listed]) -> Iterator[Settled]:
        """Insights come up to two days late; until then there are the likes and comments of the list."""
        for post, values in self._insights.of(posts):
            yield post, values if isinstance(values, Trouble) else parse_figures(post, values)


def parse_post(raw: Any) -> Listed | None:
    """A post of a list; None for what is none."""
    try:
        post_id = words.identity(within(raw, "id"))
    except ValueError:
        return None
    told = {name: within(raw, name) for name in (*FROM_LIST.values(), "media_type")}
    return Listed(
        post_id=post_id,
        kind=words.text(within(raw, "media_product_type"), 30) or "FEED",
        text=words.text(within(raw, "caption")),
        url=words.address(within(raw, "permalink")),
        published_at=words.moment(within(raw, "timestamp")),
        told={name: value for name, value in told.items() if value is not None},
    )


def parse_figures(post: Listed, values: Values) -> Figures:
    """The figures of one post, from insights and from the list; views of a film are its video views, too."""
    found = {ours: words.count(values[theirs]) for theirs, ours in NAMES.items() if theirs in values}
    for ours, theirs in FROM_LIST.items():
        if found.get(ours) is None:
            found[ours] = words.count(post.told.get(theirs))
    if post.kind == "REELS" or post.told.get("media_type") == "VIDEO":
        found["video_views"] = found.get("impressions")
    unknown = set(values) - {*NAMES, INTERACTIONS}
    raw = {**post.told, **values}
    return words.gathered(found, raw, unknown, interactions=words.count(values.get(INTERACTIONS)))
