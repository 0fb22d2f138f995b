"""One scan at a time reads the site, and one that was killed keeps the next one waiting for a minute at most."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from scheduling.models import State
from scheduling.snapshots import Outcome
from tasks.classifieds import claim
from tasks.classifieds.models import Listing, ScanClaim
from tasks.classifieds.tasks import scan
from tasks.demo.headfi import SLUGS, HeadFi
from tasks.demo.upstream import Upstream
from tasks.models import Status, TaskRecord
from tests.factories import NOON

type Run = Callable[..., Outcome]

LEASE = timedelta(seconds=60)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("configured")]


def test_a_claim_is_granted_once_until_it_ends() -> None:
    mine = claim.take("rota-1", LEASE, NOON)
    assert mine is not None
    assert claim.take("rota-2", LEASE, NOON + LEASE / 2) is None
    mine.renew(LEASE, NOON + LEASE / 2)
    assert claim.take("rota-2", LEASE, NOON + LEASE) is None
    assert claim.held_since() == NOON
    mine.release(NOON + LEASE)
    assert claim.take("rota-2", LEASE, NOON + LEASE) is not None


def test_a_silent_scan_is_taken_over_after_its_lease_and_can_keep_nothing_more() -> None:
    silent = claim.take("", LEASE, NOON)
    assert silent is not None
    assert claim.take("", LEASE, NOON + LEASE) is not None, "outside of runs none is the attempt of another"
    with pytest.raises(claim.TakenOver):
        silent.renew(LEASE, NOON + LEASE)
    silent.release(NOON + LEASE)
    assert claim.take("", LEASE, NOON + LEASE) is None, "nor does it end the claim of the other"


def test_a_further_attempt_of_the_same_run_goes_on_at_once() -> None:
    first = claim.take("rota-1", LEASE, NOON)
    assert first is not None
    assert claim.take("", LEASE, NOON) is None
    assert claim.take("rota-1", LEASE, NOON) is not None
    with pytest.raises(claim.TakenOver):
        first.renew(LEASE, NOON)


@pytest.mark.parametrize(("delay", "seconds"), [(0, 60), (2, 60), (30, 95)])
def test_a_lease_is_the_time_of_a_page(delay: float, seconds: float) -> None:
    assert claim.lease(delay).total_seconds() == seconds


def test_a_second_scan_asks_for_nothing_and_still_does_rules_and_notices(run: Run, site: Upstream) -> None:
    now = timezone.now()
    assert claim.take("rota-7", LEASE, now)
    assert run(scan).state == State.SUCCEEDED
    assert site.requests == []
    first, *others = TaskRecord.objects.order_by("id")
    assert first.result == {"skipped": True}
    assert f"a scan is under way since {now:%Y-%m-%d %H:%M:%S} UTC" in first.log_output
    assert [row.label for row in others] == ["rules", "notices"]


def test_a_scan_leaves_the_site_to_the_next_one_however_it_ends(run: Run, headfi: HeadFi) -> None:
    headfi.is_challenging = True
    run(scan)
    assert ScanClaim.objects.get().until <= timezone.now()


def test_a_scan_that_was_taken_over_keeps_nothing_more(run: Run, site: Upstream) -> None:
    answer = site.answer

    def take_over(request: Any) -> Any:
        if "dacs.8/?page=2" in request.target:
            ScanClaim.objects.update(until=timezone.now())
            assert claim.take("rota-0", LEASE, timezone.now())
            connections.close_all()
        return answer(request)

    site.answer = take_over  # type: ignore[method-assign]
    outcome = run(scan)
    assert (outcome.state, "TakenOver" in outcome.error_message) == (State.FAILED, True)
    assert Listing.objects.filter(category="dacs.8").count() == 20
    assert site.asked("dac-amps.9") == 0
    assert TaskRecord.objects.filter(status=Status.FAILED).count() == 1


def test_of_two_scans_at_once_one_reads_each_page_once(run: Run, site: Upstream) -> None:
    answer = site.answer
    second: list[str] = []

    def scan_meanwhile(request: Any) -> Any:
        if "daps.10" in request.target and not second:
            second.append(run(scan).state)
            connections.close_all()
        return answer(request)

    site.answer = scan_meanwhile  # type: ignore[method-assign]
    assert (run(scan).state, second) == (State.SUCCEEDED, [State.SUCCEEDED])
    assert Listing.objects.count() == 40 * len(SLUGS)
    pages = Counter(request.target for request in site.requests if "/categories/" in request.target)
    assert set(pages.values()) == {1}
    assert TaskRecord.objects.filter(result={"skipped": True}).count() == 1
