"""What the demo leaves is what its platforms then go on to tell."""

from collections.abc import Callable
from typing import Any

import pytest

from tasks.demo.brands import BRANDS, leave_businesses
from tasks.demo.linkedin import LinkedIn
from tasks.demo.meta import Meta
from tasks.demo.x import X
from tasks.social.models import Account, Business, Failure, Platform, Post, Reading, RefusedMetric, Standing

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]


def test_the_first_sync_goes_on_where_the_history_ends(
    configured: Any, go: Callable[..., dict[str, Any]], linkedin: LinkedIn, x: X, meta: Meta
) -> None:
    for service in (linkedin, x, meta):
        service._first, service.has_flaws = 40, True
    meta.retired = {"REELS": {"saved"}}
    leave_businesses(linkedin, x, meta)
    assert set(Business.objects.values_list("name", flat=True)) == set(BRANDS)
    before = set(Post.objects.values_list("account", "platform_post_id"))
    history = Reading.objects.count()
    assert history > 10 * len(before)
    result = go()
    assert result["synced"] > result["failures"] > 0, "a few posts fail, to be seen"
    assert not Failure.objects.filter(platform_post_id="").exists()
    after = set(Post.objects.values_list("account", "platform_post_id"))
    assert len(before - after) == 0
    assert len(after) <= len(Account.objects.all()) * 40, "they are the same posts"
    assert not Account.objects.exclude(standing=Standing.CONNECTED).exists()
    assert RefusedMetric.objects.get().name == "saved"
    for platform in Platform:
        latest = Reading.objects.filter(post__account__platform=platform).latest("taken_at", "impressions")
        earlier = Reading.objects.filter(post=latest.post).earliest("taken_at")
        assert (latest.impressions or 0) >= (earlier.impressions or 0)
