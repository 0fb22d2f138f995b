"""The posts of a Facebook page, and what became of them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from tasks.exceptions import InvalidItem
from tasks.http import Deadline
from tasks.social import figures as words
from tasks.social.asking import within
from tasks.social.conf import Options
from tasks.social.figures import Figures, Listed, Settled, Trouble
from tasks.social.insights import Insights, Values, edge_of
from tasks.social.meta import Graph
from tasks.social.models import Account
from tasks.social.refused import Wanted
from tasks.social.tokens import Clock

PAGE = 50  # posts
FIELDS = "id,message,created_time,permalink_url,shares,comments.limit(0).summary(true),reactions.limit(0).summary(true)"
REEL = "reel"
REEL_URL = re.compile(r"https://[a-z.]*facebook\.com/reel/([0-9]{1,30})/?")  # with the number of its video
REACTIONS, VIDEO_REACTIONS = "post_reactions_by_type_total", "post_video_likes_by_reaction_type"
METRICS = {
    "": ("post_media_view", "post_total_media_view_unique", "post_clicks", REACTIONS),
    REEL: ("fb_reels_total_plays", "blue_reels_play_count", "post_impressions_unique", VIDEO_REACTIONS),
}
NAMES = {
    **{"post_media_view": "impressions", "post_total_media_view_unique": "reach", "post_clicks": "clicks"},
    "fb_reels_total_plays": "impressions",  # again and again by the same people, too
    **{"post_impressions_unique": "reach", "blue_reels_play_count": "video_views"},
}


class Facebook:
    def __init__(self, account: Account, options: Options, deadline: Deadline, clock: Clock, wanted: Wanted) -> None:
        self._page = account.external_id.strip()
        if not self._page.isdecimal():
            raise InvalidItem(f"{self._page[:60]!r} is no page of Facebook: its id is a number.")
        self._graph = Graph(account, options, deadline, clock)
        self._insights = Insights(self._graph, wanted, METRICS, clock, _edge)

    def close(self) -> None:
        self._graph.close()

    def posts(self, limit: int) -> Iterator[Listed]:
        raw = self._graph.pages(f"/{self._page}/published_posts", {"fields": FIELDS, "limit": min(limit, PAGE)})
        return islice((post for item in raw if (post := parse_post(item))), limit)

    def figures(self, posts: Sequence[Listed]) -> Iterator[Settled]:
        """Shares and comments stand in the list; all else is insights."""
        for post, values in self._insights.of(posts):
            yield post, values if isinstance(values, Trouble) else parse_figures(post, values)


def parse_post(raw: Any) -> Listed | None:
    """A post of a list; None for what is none."""
    try:
        post_id = words.identity(within(raw, "id"))
    except ValueError:
        return None
    told = {
        "shares": within(raw, "shares", "count"),
        "comments": within(raw, "comments", "summary", "total_count"),
        "reactions": within(raw, "reactions", "summary", "total_count"),
    }
    url = words.address(within(raw, "permalink_url"))
    return Listed(
        post_id=post_id,
        kind=REEL if REEL_URL.match(url) else "post",
        text=words.text(within(raw, "message")),
        url=url,
        published_at=words.moment(within(raw, "created_time")),
        told={name: value for name, value in told.items() if value is not None},
    )


def parse_figures(post: Listed, values: Values) -> Figures:
    """The figures of one post, from insights and from the list."""
    reactions = values.get(VIDEO_REACTIONS if post.kind == REEL else REACTIONS)
    by_type = [words.count(value) for value in reactions.values()] if isinstance(reactions, Mapping) else []
    likes = words.total(*by_type)
    found = {
        **{ours: words.count(values[theirs]) for theirs, ours in NAMES.items() if theirs in values},
        "likes": words.count(post.told.get("reactions")) if likes is None else likes,
        "comments": words.count(post.told.get("comments")),
        "shares": words.count(post.told.get("shares")),
    }
    unknown = set(values) - {*NAMES, REACTIONS, VIDEO_REACTIONS}
    return words.gathered(found, {**post.told, **values}, unknown)


def _edge(post: Listed) -> str:
    """A reel has its figures as a video, under another number."""
    found = REEL_URL.match(post.url) if post.kind == REEL else None
    return f"/{found[1]}/video_insights" if found else edge_of(post)
