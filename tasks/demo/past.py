"""Figures of the days before the first sync of social analytics, so that the demo's charts have a past."""

import math
from datetime import datetime, timedelta

from scheduling.exceptions import RetryLater
from tasks.social.models import METRICS, Post, Reading

SOON = timedelta(seconds=5)
STEP = timedelta(hours=12)
STEPS = 20
FADES_IN = timedelta(days=3)  # as the demo's audience loses its interest


def remember(now: datetime) -> int:
    """Make readings of the ten days before the first one, once; returns how many.

    Raises RetryLater as long as there is none.
    """
    first = Reading.objects.order_by("taken_at").values_list("taken_at", flat=True).first()
    if first is None:
        raise RetryLater(SOON, "The first sync has read nothing yet.")
    if first < now - STEP:
        return 0
    moments = [first - STEP * number for number in range(1, STEPS + 1)]
    posts = Post.objects.filter(published_at__isnull=False)
    rows = [_past(post, moment, first) for post in posts for moment in moments if _is_out(post, moment)]
    return len(Reading.objects.bulk_create(rows, batch_size=500))


def _is_out(post: Post, moment: datetime) -> bool:
    return post.published_at is not None and post.published_at < moment


def _past(post: Post, moment: datetime, first: datetime) -> Reading:
    """What an audience that loses interest would have left by then, of what it has left by now."""
    out = post.published_at or moment
    share = (1 - math.exp(-((moment - out) / FADES_IN))) / (1 - math.exp(-((first - out) / FADES_IN)))
    known = {name: getattr(post, name) for name in METRICS}
    figures = {name: None if value is None else int(value * share) for name, value in known.items()}
    return Reading(post=post, taken_at=moment, engagement=post.engagement, **figures)
