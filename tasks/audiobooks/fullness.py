"""How full the library is: of its budget, and of the disk that it is on."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Sum

from tasks.audiobooks.conf import options
from tasks.audiobooks.models import Download, DownloadState

STEP = 1000
UNITS = ("bytes", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fullness:
    """All in bytes."""

    used: int  # by what is in the library or on its way there
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
    kept = Download.objects.exclude(state=DownloadState.FAILED)  # of those that failed nothing is kept
    used = kept.aggregate(sum=Sum("done"))["sum"] or 0
    disk, free = _disk(configured.library_dir)
    return Fullness(
        used=used, budget=configured.library_budget, disk=disk, free=free, keep_free=configured.library_free
    )


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
