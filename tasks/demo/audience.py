"""Posts of invented accounts, and an audience whose interest in each of them grows with the clock, and fades."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)  # since when each account has written
EVERY = timedelta(hours=36)  # a new post
STEP = timedelta(minutes=10)
FADES_IN = timedelta(days=3)  # after which most of those who will ever see a post have seen it
FIRST_ID = 2**53 + 10**6  # floating point loses count there
SUBJECTS = (
    *("Our new pavilion opens on Sunday", "Three questions to the team behind it", "How we choose our beans"),
    *("Behind the scenes: the night shift", "Ein Wochenende in Köln, danke!", "新しい店が京都にできました"),
    *("Tell us: <b>tea</b> or coffee?", "A year in numbers", "We are hiring & growing", "Last tickets for the concert"),
)


@dataclass(frozen=True, slots=True)
class Published:
    number: int
    published_at: datetime
    text: str

    @property
    def post_id(self) -> str:
        return str(FIRST_ID + self.number)


@dataclass(frozen=True, slots=True)
class Interest:
    """What became of a post up to a moment."""

    seen: int
    people: int
    likes: int
    comments: int
    shares: int
    saves: int
    clicks: int

    @property
    def interactions(self) -> int:
        return self.likes + self.comments + self.shares + self.saves + self.clicks


def feed(posts: int, started: datetime, now: datetime) -> list[Published]:
    """The posts of an account, the newest first: `posts` that were there at the start, and what came since.

    They stand at moments of their own, so that a service that is started again tells of the same ones.
    """
    first, last = span(posts, started, now)
    return [written(number) for number in range(last, first - 1, -1)]


def span(posts: int, started: datetime, now: datetime) -> tuple[int, int]:
    """The numbers of the first and of the last of them."""
    return int((started - EPOCH) / EVERY) - posts + 1, int((now - EPOCH) / EVERY)


def written(number: int) -> Published:
    return Published(number, EPOCH + number * EVERY, f"{SUBJECTS[number % len(SUBJECTS)]} ({number})")


def interest(account: str, post: Published, now: datetime) -> Interest:
    """The same whoever asks, and never less than before; it grows in steps, so that it may be asked for twice."""
    random = Random(f"{account} {post.number}")  # noqa: S311
    age = max(now - post.published_at, timedelta()) // STEP * STEP
    most = random.lognormvariate(6.5, 0.9)
    seen = int(most * (1 - math.exp(-age / FADES_IN)) * (1 + 0.02 * (age / timedelta(days=30))))
    shares = [
        random.uniform(*span) for span in ((0.02, 0.08), (0.002, 0.01), (0.002, 0.02), (0.001, 0.02), (0.01, 0.06))
    ]
    return Interest(seen, int(seen * random.uniform(0.6, 0.95)), *(int(seen * share) for share in shares))
