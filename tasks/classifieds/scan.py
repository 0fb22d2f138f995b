"""scan: reads the watched categories, has the rules look at what is new or changed, and has the notices sent."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import asdict, dataclass, replace

from django.utils import timezone

from scheduling.exceptions import RetryLater
from tasks.classifieds import claim as claims
from tasks.classifieds import positions
from tasks.classifieds.claim import TakenOver
from tasks.classifieds.conf import Options, usable_options
from tasks.classifieds.headfi import HeadFi, NoListing, StrangeAnswer
from tasks.classifieds.keep import keep_strange
from tasks.classifieds.markup import Markup, load
from tasks.classifieds.matching import match_waiting
from tasks.classifieds.models import Category
from tasks.classifieds.notify import deliver_waiting
from tasks.classifieds.reading import Reader
from tasks.exceptions import AbortRun
from tasks.http import Deadline
from tasks.recording import Entry, parts

MOST_PAGES = 1000  # that one may ask for in each category
STRANGE_PAUSE = positions.RESUMABLE / 2  # after a page that could not be read

type Recorded = Callable[[str], AbstractContextManager[Entry]]  # opens the record of that label
type Part = Callable[[str], AbstractContextManager[None]]


class AllEmpty(AbortRun):
    """There is no listing in any category. Nothing more is asked for; see the pages that were kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be scanned, where the settings do not say it."""

    max_pages: int | None = None  # of each category
    category: str = ""  # only this one, by its slug
    although_strange: bool = False  # also while the pause after a strange page lasts
    headless: bool | None = None  # whether a browser, if one is used, shows no window
    run: str = ""  # the same for all attempts of a run, each of which may take over from the one before


def scan(recorded: Recorded, wanted: Wanted) -> None:
    """Read, match, tell; the last two also when the first fails. Raises PartsFailed, or RetryLater for a pause.

    A scan that was interrupted goes on where it was. One category that fails stops no other.
    """
    options = usable_options()
    if wanted.headless is not None:
        options = replace(options, headless=wanted.headless)
    markup = load(options.headfi_file)
    slugs = chosen(markup, wanted)
    with parts() as part:
        with part("Head-Fi"):
            if not _is_paused(recorded, wanted):
                _scan_alone(options, markup, slugs, recorded, wanted, part)
        with part("rules"), recorded("rules") as entry:
            entry.result = {"matches": match_waiting(entry, timezone.now())}
        with part("notices"), recorded("notices") as entry:
            entry.result = asdict(deliver_waiting(entry, timezone.now()))


def chosen(markup: Markup, wanted: Wanted) -> list[str]:
    """The slugs of the categories to scan, each of which has a row now. Raises AbortRun for what makes no sense."""
    if wanted.max_pages is not None and not 1 <= wanted.max_pages <= MOST_PAGES:
        raise AbortRun(f"max_pages must be from 1 to {MOST_PAGES}.")
    if wanted.category and wanted.category not in markup.categories:
        raise AbortRun(f"{wanted.category[:60]!r} is no category; there are: {', '.join(markup.categories)}.")
    positions.know_categories(markup.categories)
    if wanted.category:
        return [wanted.category]
    watched = set(Category.objects.filter(is_watched=True).values_list("slug", flat=True))
    return [slug for slug in markup.categories if slug in watched]


def _is_paused(recorded: Recorded, wanted: Wanted) -> bool:
    """Whether the site is left alone. Raises AbortRun if that is because somebody has to look."""
    pause = positions.pause(timezone.now())
    if pause is None or (pause.is_alarm and wanted.although_strange):
        return False
    with recorded("Head-Fi") as entry:
        entry.log(f"Nothing is asked for: {pause}")
        entry.result = {"skipped": True}
        if pause.is_alarm:
            raise AbortRun(f"Nothing is asked for: {pause}. To try at once: manage.py audiowatch run --once")
    return True


def _scan_alone(
    options: Options, markup: Markup, slugs: list[str], recorded: Recorded, wanted: Wanted, part: Part
) -> None:
    """Read the site, unless another scan does."""
    claim = claims.take(wanted.run, claims.lease(options.rate_limit_delay_seconds), timezone.now())
    if claim is None:
        with recorded("Head-Fi") as entry:
            entry.log(f"Nothing is asked for: a scan is under way since {claims.held_since():%Y-%m-%d %H:%M:%S} UTC.")
            entry.result = {"skipped": True}
        return
    try:
        with _minding(), closing(HeadFi(options, Deadline(options.scan_timeout))) as site:
            _scan_categories(
                Reader(site, markup, claim, options.initial_max_pages), options, slugs, recorded, wanted.max_pages, part
            )
    finally:
        claim.release(timezone.now())


def _scan_categories(
    reader: Reader, options: Options, slugs: list[str], recorded: Recorded, max_pages: int | None, part: Part
) -> None:
    """One after another. What concerns the whole site ends the scan, which keeps its place."""
    categories = positions.set_out(slugs, timezone.now())
    _check_allowed(reader.site, categories, recorded)
    for category in categories:
        failed = _read_one(reader, category, recorded, max_pages or _depth(options, category), part)
        if isinstance(failed, AbortRun | RetryLater):
            if not isinstance(failed, TakenOver):
                positions.halt(category)
            raise failed
        if isinstance(failed, NoListing):
            keep_strange(failed, timezone.now())
        if category.scan_path:
            reader.give_up(category)
    if reader.has_missed and not reader.has_seen and len(categories) == len(slugs):
        raise AllEmpty
    positions.be_at_ease()


def _read_one(
    reader: Reader, category: Category, recorded: Recorded, max_pages: int, part: Part
) -> AbortRun | RetryLater | NoListing | None:
    """Read a category; what has failed, where that concerns more than its one part."""
    failed = None
    with part(category.name):
        try:
            with recorded(category.name) as entry:
                reader.read(category, entry, max_pages)
        except (AbortRun, RetryLater, NoListing) as error:
            failed = error
            raise
    return failed


def _check_allowed(site: HeadFi, categories: Sequence[Category], recorded: Recorded) -> None:
    """Raises NotAllowed if not a single category may be read: once, and not for each of them."""
    paths = [positions.first_path(category) for category in categories]
    if paths and not any(map(site.allows, paths)):
        with recorded("Head-Fi"):
            site.check(paths[0])


def _depth(options: Options, category: Category) -> int:
    """How many pages are read: more until that many were read once."""
    return options.scheduled_max_pages if category.is_explored else options.initial_max_pages


@contextmanager
def _minding() -> Iterator[None]:
    """Leave the site alone for as long as it wants; after a strange page, until somebody has had time to look."""
    try:
        yield
    except RetryLater as error:
        positions.leave_alone(timezone.now() + error.delay, str(error))
        raise
    except (StrangeAnswer, AllEmpty) as error:
        now = timezone.now()
        positions.leave_alone(now + STRANGE_PAUSE, str(error), is_alarm=True)
        if isinstance(error, StrangeAnswer):
            keep_strange(error, now)
        raise
