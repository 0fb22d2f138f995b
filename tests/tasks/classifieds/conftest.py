"""A loopback Head-Fi for the tests of the classifieds, and the settings that lead to it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tasks.demo.headfi import HeadFi
from tasks.demo.upstream import Clock, Upstream


@pytest.fixture
def headfi() -> HeadFi:
    return HeadFi(Clock())


@pytest.fixture
def site(headfi: HeadFi) -> Iterator[Upstream]:
    with Upstream(headfi) as site:
        yield site


@pytest.fixture
def configured(site: Upstream, settings: Any) -> dict[str, Any]:
    """The settings of the classifieds, with the loopback site behind them; a test may change them."""
    settings.CLASSIFIEDS = {
        **settings.CLASSIFIEDS,
        "CONTACT": "tests@localhost",
        "HEADFI_URL": site.url,
        "RATE_LIMIT_DELAY_SECONDS": 0,
        "INITIAL_MAX_PAGES": 3,
        "SCHEDULED_MAX_PAGES": 2,
    }
    return dict(settings.CLASSIFIEDS)
