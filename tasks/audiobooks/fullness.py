"""How full the library is: of its budget, as the run counts it, and of the disk that it is on."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tasks.audiobooks.conf import options
from tasks.audiobooks.library import Library
from tasks.audiobooks.models import Usage

LIBRARY = "library"  # the row of Usage
COUNTED_EVERY = timedelta(hours=1)  # while nothing is downloaded
STEP = 1000
UNITS = ("bytes", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fullness:
    """All in bytes."""

    used: int  # by what is in the library or on its way there, as the last run has counted it
    counted_at: datetime | None  # None: nobody has counted yet
    budget: int  # 0 is no limit
    disk: int  # 0: it is not known
    free: int
    keep_free: int

    @property
    def share(self) -> float | None:
        """Of the budget, from 0 to 1; None without one."""
        return min(self.used / self.budget, 1.0) if self.budget else None

    @property
    def disk_share(self) -> float | None:
        return (self.disk - self.free) / self.disk if self.disk else None

    @property
    def is_full(self) -> bool:
        """Whether the budget lets nothing more in."""
        return bool(self.budget and self.used >= self.budget)

    @property
    def is_disk_low(self) -> bool:
        return bool(self.disk and self.free <= self.keep_free)


def fullness() -> Fullness:
    configured = options()
    usage = Usage.objects.filter(pk=LIBRARY).first()
    disk, free = _disk(configured.library_dir)
    return Fullness(
        used=usage.bytes if usage else 0,
        counted_at=usage.counted_at if usage else None,
        budget=configured.library_budget,
        disk=disk,
        free=free,
        keep_free=configured.library_free,
    )


def is_count_old(now: datetime) -> bool:
    """Whether files may have been added or removed by others since."""
    return not Usage.objects.filter(pk=LIBRARY, counted_at__gt=now - COUNTED_EVERY).exists()


def count_used(library: Library, now: datetime) -> None:
    """Write what the budget is held against, for the pages."""
    told = {"bytes": library.used(), "counted_at": now}
    Usage.objects.update_or_create(pk=LIBRARY, defaults=told)


def size_words(size: int | None) -> str:
    """ "312 MB", "4.2 GB"; a dash where it is not known."""
    if size is None:
        return "—"
    amount, unit = float(size), UNITS[0]
    for unit in UNITS:
        if amount < STEP or unit == UNITS[-1]:
            break
        amount /= STEP
    return f"{amount:,.0f} {unit}" if amount >= 10 or unit == UNITS[0] else f"{amount:.1f} {unit}"


def _disk(folder: Path) -> tuple[int, int]:
    """The size of the disk that `folder` is, or will be, on; and what is free of it."""
    there = next((each for each in (folder, *folder.parents) if each.exists()), None)
    if there is None:
        return 0, 0
    found = shutil.disk_usage(there)
    return found.total, found.free
