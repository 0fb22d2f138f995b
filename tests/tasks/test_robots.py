"""robots.txt as RFC 9309 has it, against a site that has it, refuses it, or is out of order."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tasks.demo.upstream import Reply, Request, Upstream
from tasks.http import Client, Deadline, Rate
from tasks.models import KeptAnswer
from tasks.robots import Robots

pytestmark = pytest.mark.django_db(transaction=True)

AGENT = "Rota/1 (+https://example.org; ops@example.org)"
RULES = b"User-agent: *\nDisallow: /private/\nCrawl-delay: 7\n\nUser-agent: Greedy\nDisallow: /\n"


class Site:
    def answers(self, path: str) -> bool:
        return True

    def reply(self, request: Request) -> Reply:
        return Reply(headers={"Content-Type": "text/plain"}, body=RULES)


@pytest.fixture
def site() -> Iterator[Upstream]:
    with Upstream(Site()) as upstream:
        yield upstream


@pytest.fixture
def robots(site: Upstream) -> Iterator[Callable[[], Robots]]:
    client = Client("Site", site.url, deadline=Deadline(20), headers={}, rate=Rate(1000, 1000))
    yield lambda: Robots(client, AGENT)
    client.close()


type Ask = Callable[[], Robots]


def test_a_site_says_what_may_be_fetched_and_how_slowly(robots: Ask) -> None:
    rules = robots()
    assert rules.allows("/public/")
    assert not rules.allows("/private/page")
    assert rules.delay == 7


def test_rules_are_asked_for_once_a_day(robots: Ask, site: Upstream) -> None:
    robots(), robots()
    assert site.asked("/robots.txt") == 1
    KeptAnswer.objects.update(kept_at=datetime.now(UTC) - timedelta(hours=25))
    robots()
    assert site.asked("/robots.txt") == 2


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_site_without_rules_allows_all(robots: Ask, site: Upstream, status: int) -> None:
    site.fail("/robots.txt", status)
    assert robots().allows("/private/page")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_site_that_is_out_of_order_allows_nothing(robots: Ask, site: Upstream, status: int) -> None:
    site.fail("/robots.txt", status, times=9)
    assert not robots().allows("/public/")
    site.fail("/robots.txt", status, times=0)


def test_a_site_that_is_away_allows_nothing_and_is_asked_again(robots: Ask, site: Upstream) -> None:
    site.drop("/robots.txt", times=4)
    assert not robots().allows("/public/")
    assert robots().allows("/public/")


def test_an_answer_is_asked_for_again_by_its_validators(db: None) -> None:
    now = datetime.now(UTC)
    assert KeptAnswer.objects.conditions("Site", "/a") == {}
    KeptAnswer.objects.keep("Site", "/a", {"ETag": '"1"', "Last-Modified": "Mon, 02 Mar 2026 12:00:00 GMT"}, now)
    assert KeptAnswer.objects.conditions("Site", "/a") == {
        "If-None-Match": '"1"',
        "If-Modified-Since": "Mon, 02 Mar 2026 12:00:00 GMT",
    }
    KeptAnswer.objects.keep("Site", "/a", {"ETag": "x" * 501}, now)
    assert KeptAnswer.objects.conditions("Site", "/a") == {}


@pytest.mark.parametrize("etag", ['"\u00fcber"', '"\x00"', '"a\tb"', '"\udcff"', '"\n"'])
def test_a_validator_that_cannot_be_sent_back_counts_as_none(db: None, etag: str) -> None:
    modified = "Mon, 02 Mar 2026 12:00:00 GMT"
    KeptAnswer.objects.keep("Site", "/a", {"ETag": etag, "Last-Modified": modified}, datetime.now(UTC))
    assert KeptAnswer.objects.conditions("Site", "/a") == {"If-Modified-Since": modified}
