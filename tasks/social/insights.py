"""Insights of Meta's posts: fifty posts at once, and without the names of figures that Meta has retired.

One such name fails a whole request, and its error does not always say which one it was. So each name is then asked for
alone, of that post: those that are refused while others are not are left out from then on, and told in the record.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tasks.social.asking import chunks, within
from tasks.social.figures import Listed, Trouble
from tasks.social.meta import BAD_PARAMETER, BATCH, TEMPORARY, Graph, Part, is_gone, told_of
from tasks.social.refused import Wanted
from tasks.social.tokens import Clock

type Values = dict[str, Any]  # name of a figure -> its value, as it came

NOTHING_IN_TIME = Trouble("Meta had no time for this post", "timeout")


def edge_of(post: Listed) -> str:
    """Where the insights of a post are asked for."""
    return f"/{post.post_id}/insights"


class Insights:
    def __init__(
        self,
        graph: Graph,
        wanted: Wanted,
        names: Mapping[str, Sequence[str]],
        clock: Clock,
        edge: Callable[[Listed], str] = edge_of,
    ) -> None:
        self._graph, self._wanted, self._clock, self._edge = graph, wanted, clock, edge
        self._names = names  # kind of post -> the names that we know, in their order; "" for all other kinds

    def of(self, posts: Sequence[Listed]) -> Iterator[tuple[Listed, Values | Trouble]]:
        """The figures of each post. Raises Refused where that is of all that follow, too."""
        for kind in dict.fromkeys(post.kind for post in posts):
            for batch in chunks([post for post in posts if post.kind == kind], BATCH):
                yield from self._settled(kind, batch)

    def _settled(self, kind: str, batch: Sequence[Listed]) -> Iterator[tuple[Listed, Values | Trouble]]:
        """Those that could not be answered at once are asked for once more, after names that are refused are gone."""
        names = self._names_of(kind)
        if not names:
            yield from ((post, {}) for post in batch)
            return
        again: list[Listed] = []
        for post, part in self._ask(batch, names):
            if part is None or part.code in TEMPORARY or _is_about_names(part):
                again.append(post)
            else:
                yield post, settled(part)
            if part and _is_about_names(part) and names == self._names_of(kind):
                self._probe(kind, post, names)
        if again:
            names = self._names_of(kind)
            parts = self._ask(again, names) if names else [(post, Part(200, {"data": []})) for post in again]
            yield from ((post, NOTHING_IN_TIME if part is None else settled(part)) for post, part in parts)

    def _names_of(self, kind: str) -> list[str]:
        return self._wanted.names(kind, self._names.get(kind, self._names[""]))

    def _ask(self, posts: Sequence[Listed], names: Sequence[str]) -> list[tuple[Listed, Part | None]]:
        paths = [f"{self._edge(post)}?metric={','.join(names)}" for post in posts]
        return list(zip(posts, self._graph.several(paths), strict=True))

    def _probe(self, kind: str, post: Listed, names: Sequence[str]) -> None:
        """Find out which names Meta refuses; if it takes none at all, that is for the post, not for the names."""
        paths = [f"{self._edge(post)}?metric={name}" for name in names]
        parts = list(zip(names, self._graph.several(paths), strict=True))
        refused = {name: part for name, part in parts if part and _is_about_names(part)}
        if refused and any(part and part.code is None for _, part in parts):
            self._wanted.refuse(kind, refused, told_of(next(iter(refused.values())))[0], self._now())

    def _now(self) -> datetime:
        return self._clock()


def settled(part: Part) -> Values | Trouble:
    """What one answer tells; no data is nothing, not 0."""
    if part.code is not None or part.status != 200:
        message, code = told_of(part)
        return Trouble(message, code, is_gone=is_gone(part))
    data = part.found.get("data")
    if not isinstance(data, list):
        return Trouble("Meta sent no insights of this post", "no data")
    return dict(pair for item in data if (pair := _figure(item)))


def _figure(item: Any) -> tuple[str, Any] | None:
    """Name and value; the value stands in a list of one, or under `total_value`."""
    name, values = within(item, "name"), within(item, "values")
    if not isinstance(name, str):
        return None
    if isinstance(values, list) and values:
        return name, within(values[-1], "value")
    total = within(item, "total_value", "value")
    return None if total is None else (name, total)


def _is_about_names(part: Part) -> bool:
    return part.code == BAD_PARAMETER and not is_gone(part)
