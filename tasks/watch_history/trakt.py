"""Trakt, spoken to over HTTP: who watched what and how it was rated, as plain values."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tasks.exceptions import InvalidItem, UpstreamError
from tasks.http import Answer, Client, Deadline, Rate, as_json
from tasks.watch_history.conf import Options
from tasks.watch_history.sign_in import SignIn, as_object, headers
from tasks.watch_history.tokens import TokenFile

PAGE = 250  # items, the most that Trakt gives
RATE = Rate(per_second=2.5, burst=250)  # Trakt allows 1000 reads in five minutes
BIGGEST_ID = 2**63 - 1

REFUSALS = {
    401: "Trakt keeps this profile private, or no longer accepts the token: run `manage.py trakt_login`.",
    403: "Trakt refuses the client id: check TRAKT_CLIENT_ID.",
    404: "Trakt knows no such user, or the profile is private.",
    420: "Trakt says that this account is over its limits.",
    423: "Trakt has locked or deactivated this account.",
    426: "Trakt gives this to VIP members only.",
}


@dataclass(frozen=True, slots=True)
class Title:
    kind: str  # movie or show
    trakt_id: int
    title: str
    year: int | None
    tmdb_id: int | None
    runtime: int | None  # minutes
    genres: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Play:
    history_id: int
    watched_at: datetime
    action: str
    title: Title
    item_id: int  # of the film, or of the episode
    season: int | None
    number: int | None
    episode_title: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of history, the newest first; its items are raw, so that a bad one spoils no other."""

    items: list[Any]
    item_count: int  # on all pages
    page_count: int


type Ratings = dict[tuple[str, int], int]  # (movie, show or episode; Trakt's id) -> 1 to 10


class Trakt:
    def __init__(self, options: Options, deadline: Deadline) -> None:
        self._tokens = TokenFile(options.trakt_token_file)
        self._token = self._tokens.token()
        self._sign_in = SignIn(options, deadline)
        self._api = Client(
            "Trakt",
            options.trakt_api_url,
            headers=headers(options),
            rate=RATE,
            credential=options.trakt_client_id,
            deadline=deadline,
        )

    def close(self) -> None:
        self._api.close()
        self._sign_in.close()

    @property
    def is_authorised(self) -> bool:
        """Whether there is a token; without one only public profiles can be read."""
        return self._token is not None

    def activities(self) -> dict[str, Any]:
        """When the owner of the token last watched and rated, by kind of thing."""
        return self._get("/sync/last_activities", as_object)

    def history(self, user: str, limit: int | None) -> Iterator[Page]:
        """All that `user` watched, page by page, or at least the newest `limit` of it."""
        size = min(limit or PAGE, PAGE)
        return self._pages(f"/users/{user}/history", size, {"extended": "full"})

    def ratings(self, user: str) -> Ratings:
        """What `user` thinks of films, series and episodes; what cannot be understood is left out."""
        pages = self._pages(f"/users/{user}/ratings", PAGE, {})
        return dict(rating for page in pages for item in page.items if (rating := parse_rating(item)))

    def _pages(self, path: str, size: int, params: Mapping[str, str]) -> Iterator[Page]:
        number, count = 1, 1
        while number <= count:
            page = self._get(path, _page, {**params, "page": number, "limit": size})
            yield page
            number, count = number + 1, page.page_count

    def _get[T](self, path: str, read: Callable[[Answer], T], params: Mapping[str, str | int] | None = None) -> T:
        """A read, with a new token if Trakt does not like the present one, which is tried once."""
        if self._token and self._token.is_due(datetime.now(UTC)):
            self._token = self._tokens.renewed(self._token, self._sign_in.renew)
        try:
            try:
                return self._api.get(path, read, params=params, headers=self._bearer())
            except UpstreamError as error:
                if error.status != 401 or self._token is None:
                    raise
            self._token = self._tokens.renewed(self._token, self._sign_in.renew)
            return self._api.get(path, read, params=params, headers=self._bearer())
        except UpstreamError as error:
            if error.status not in REFUSALS:
                raise
            raise UpstreamError(REFUSALS[error.status], status=error.status) from error

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token.access}"} if self._token else {}


def parse_play(raw: Any) -> Play:
    """An item of history. Raises InvalidItem when something is missing without which it means nothing."""
    try:
        thing = raw[raw["type"]]
        is_movie = raw["type"] == "movie"
        return Play(
            history_id=_id(raw["id"]),
            watched_at=_moment(raw["watched_at"]),
            action=str(raw.get("action") or "")[:20],
            title=_title("movie", thing) if is_movie else _title("show", raw["show"]),
            item_id=_id(thing["ids"]["trakt"]),
            season=None if is_movie else _count(thing["season"]),
            number=None if is_movie else _count(thing["number"]),
            episode_title="" if is_movie else str(thing.get("title") or "")[:300],
            raw=_storable(raw),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidItem(f"not an item of a history: {type(error).__name__} {str(error)[:100]}") from None


def parse_rating(raw: Any) -> tuple[tuple[str, int], int] | None:
    """What is rated, and how; None for something else."""
    try:
        rating = _count(raw["rating"])
        return ((raw["type"], _id(raw[raw["type"]]["ids"]["trakt"])), rating) if 1 <= rating <= 10 else None
    except (KeyError, TypeError, ValueError):
        return None


def name_of(raw: Any) -> str:
    """How to call an item in a log, whatever it is."""
    if not isinstance(raw, Mapping):
        return "something unknown"
    thing = raw.get("show") or raw.get("movie")
    return str(thing.get("title") if isinstance(thing, Mapping) else raw.get("id"))[:100]


def _title(kind: str, raw: Mapping[str, Any]) -> Title:
    tmdb, year, runtime = raw["ids"].get("tmdb"), raw.get("year"), raw.get("runtime")
    return Title(
        kind=kind,
        trakt_id=_id(raw["ids"]["trakt"]),
        title=str(raw["title"])[:300],
        year=year and _count(year),
        tmdb_id=tmdb and _id(tmdb),
        runtime=runtime and _count(runtime),
        genres=tuple(str(genre) for genre in raw.get("genres") or ()),
    )


def _id(value: Any) -> int:
    number = int(value)
    if not 0 < number <= BIGGEST_ID:
        raise ValueError(f"{value} is no id")
    return number


def _count(value: Any) -> int:
    number = int(value)
    if not 0 <= number < 2**15:
        raise ValueError(f"{value} is out of range")
    return number


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _storable(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """`raw`, if every database takes it: no NUL, no half characters. Raises ValueError."""
    text = json.dumps(raw, ensure_ascii=False)
    text.encode()
    if "\\u0000" in text:
        raise ValueError("NUL")
    return raw


def _page(answer: Answer) -> Page:
    items = as_json(answer)
    try:
        count, size = (int(answer.headers[f"X-Pagination-{name}"]) for name in ("Item-Count", "Limit"))
        return Page(list(items), count, -(-count // size))
    except (KeyError, ValueError, TypeError, ZeroDivisionError):
        raise UpstreamError("did not say how many pages there are") from None
