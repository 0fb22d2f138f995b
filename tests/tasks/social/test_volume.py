"""Many posts: all of them come through, and memory does not grow with them."""

import gc
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.demo.linkedin import LinkedIn
from tasks.demo.meta import Meta
from tasks.demo.x import X
from tasks.social.models import Account, Platform, Post, Reading
from tests.tasks.social.factories import make_business

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]
BUSINESSES, POSTS = 2, 100
MOST_MEMORY = 15_000  # kB beyond those after the first business, the loopback platforms included
PEAK, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak() -> int:
    """The most memory that this process has had since the last look, in kB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", PEAK.read_text())
    assert found
    gc.collect()
    RESET.write_text("5")
    return int(found[1])


@pytest.mark.skipif(not RESET.exists(), reason="only Linux tells the peak of a part")
def test_the_posts_of_many_accounts_are_read_in_little_memory(
    connected: Callable[..., Account], go: Callable[..., dict[str, Any]], linkedin: LinkedIn, x: X, meta: Meta
) -> None:
    for service in (linkedin, x, meta):
        service._first = POSTS
    businesses = [make_business() for _ in range(BUSINESSES)]
    for business in businesses:
        for platform in Platform:
            connected(platform, business)
    peak()
    go(businesses[0], run=1)
    first = peak()
    result = go(run=2)
    more = peak() - first
    assert (result["synced"], result["failures"]) == (BUSINESSES * 4 * POSTS, 0)
    assert Post.objects.count() == Reading.objects.count() == BUSINESSES * 4 * POSTS
    assert more < MOST_MEMORY, more
