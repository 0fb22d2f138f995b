"""How far the scan has come in each category, and until when the site is left alone; both outlive the process."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from tasks.classifieds.models import Category, Pause
from tasks.classifieds.parse import CATEGORIES

RESUMABLE = timedelta(hours=1)  # since its last page; a scan interrupted for longer begins anew
MOST_HALTS = 2  # scans in a row that one category may stop, before the others have their turn


def know_categories(names: Mapping[str, str]) -> int:
    """Have a row for each category, by its present name. How many are new."""
    known = dict(Category.objects.values_list("slug", "name"))
    new = [Category(slug=slug, name=name) for slug, name in names.items() if slug not in known]
    renamed = [Category(slug=slug, name=name) for slug, name in names.items() if known.get(slug, name) != name]
    Category.objects.bulk_create(new, ignore_conflicts=True)
    Category.objects.bulk_update(renamed, ["name"])
    return len(new)


@transaction.atomic
def set_out(slugs: Sequence[str], now: datetime) -> list[Category]:
    """The categories that are to be scanned, in their order: what an interrupted scan has left, or else all of them."""
    wanted = Category.objects.select_for_update().filter(slug__in=slugs)
    found = sorted(wanted, key=lambda category: slugs.index(category.slug))
    if left := [category for category in found if category.is_under_way(now)]:
        return left
    for category in found:
        category.scan_path, category.scan_pages = first_path(category), 0
        category.resume_until = now + RESUMABLE
    Category.objects.bulk_update(found, ["scan_path", "scan_pages", "resume_until"])
    return found


def step(category: Category, next_path: str, now: datetime) -> None:
    """A page was read, and the scan goes on at `next_path`."""
    category.scan_path, category.scan_pages = next_path, category.scan_pages + 1
    category.resume_until, category.is_complete, category.halts = now + RESUMABLE, False, 0
    category.save(update_fields=["scan_path", "scan_pages", "resume_until", "is_complete", "halts"])


def arrive(category: Category, now: datetime, *, is_explored: bool) -> None:
    """The scan of the category has come to its end; `is_explored` if that was as deep as a first scan shall be.

    Until one was, each scan looks at all pages.
    """
    category.is_explored |= is_explored
    category.scan_path, category.is_complete, category.scanned_at, category.halts = "", category.is_explored, now, 0
    category.save(update_fields=["scan_path", "is_complete", "scanned_at", "is_explored", "halts"])


def give_up(category: Category) -> None:
    """The scan of the category has failed: the next one begins anew, and looks at all pages."""
    category.scan_path, category.is_complete, category.halts = "", False, 0
    category.save(update_fields=["scan_path", "is_complete", "halts"])


def halt(category: Category) -> None:
    """A page of the category has stopped the whole scan. The next one tries it again, and the one after that does not.

    So a category whose page does so each time cannot keep the others from being read.
    """
    category.halts += 1
    if category.halts >= MOST_HALTS:
        give_up(category)
    else:
        category.save(update_fields=["halts"])


def leave_alone(until: datetime, why: str, *, is_alarm: bool = False) -> None:
    """Ask the site for nothing until then; what is under way goes on after that."""
    Pause.objects.update_or_create(pk=1, defaults={"until": until, "why": why[:300], "is_alarm": is_alarm})
    Category.objects.exclude(scan_path="").update(resume_until=until + RESUMABLE)


def be_at_ease() -> None:
    """The site answers as it should: no pause is needed any more."""
    Pause.objects.all().delete()


def pause(now: datetime) -> Pause | None:
    """The pause that still lasts."""
    return Pause.objects.filter(until__gt=now).first()


def first_path(category: Category) -> str:
    return f"{CATEGORIES}{category.slug}/"
