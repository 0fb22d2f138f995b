"""try_out(watch): what a rule would have matched among the latest listings, in the time of a request."""

import time
from dataclasses import dataclass, field

from tasks.classifieds.conf import options
from tasks.classifieds.facts import facts_of
from tasks.classifieds.matching import Watch
from tasks.classifieds.models import Listing
from tasks.classifieds.money import Rates

MOST = 5_000  # listings that are looked at, the newest first
SECONDS = 2.0  # after which it ends, wherever it is
SHOWN = 20  # matches that are kept
CHUNK = 500  # rows that are held in memory


@dataclass(slots=True)
class Trial:
    """What came of it."""

    matched: int = 0
    unknown: int = 0  # do not say what the rule asks for
    looked_at: int = 0
    in_time: bool = True
    latest: list[Listing] = field(default_factory=list)


def try_out(watch: Watch, rates: Rates, seconds: float) -> Trial:
    """Show the latest listings to the rule, as a scan does."""
    trial, site, ends = Trial(), options().headfi_url, time.monotonic() + seconds
    for listing in Listing.objects.select_related("category")[:MOST].iterator(CHUNK):
        if time.monotonic() > ends:
            trial.in_time = False
            break
        trial.looked_at += 1
        truth = watch.fits(listing, facts_of(listing, site), rates)
        trial.unknown += truth is None
        if truth:
            trial.matched += 1
            if len(trial.latest) < SHOWN:
                trial.latest.append(listing)
    return trial
