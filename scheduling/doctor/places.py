"""This machine: room on its disks, and what it knows of time zones."""

import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, ZoneInfoNotFoundError

import psutil
from django.conf import settings
from django.db import connection

from scheduling.clocks import ONE_DAY
from scheduling.doctor.findings import Finding, error, named, warning
from scheduling.doctor.sight import Sight

MEGABYTE = 1_000_000
FULL, NEARLY_FULL = 100 * MEGABYTE, 500 * MEGABYTE  # bytes that are left
LOOKED_AHEAD = 400  # days


def disks(_: Sight) -> Iterator[Finding]:
    """Room for the database of this machine, and for its logs."""
    for what, file in _written():
        folder = next(each for each in (file, *file.parents) if each.exists())
        yield from room(what, folder, shutil.disk_usage(folder).free)


def room(what: str, place: Path, free: int) -> Iterator[Finding]:
    """A finding if `free` bytes are too few."""
    if free < NEARLY_FULL:
        kind = error if free < FULL else warning
        told = f"The disk of {what} ({place}) has {free // MEGABYTE:,} MB left."
        yield kind("disk-full", told, f"Make room: du -xh {place} | sort -h | tail; or lower KEEP_DAYS.")


def filesystem_of(file: Path) -> str:
    """The kind of file system that `file` lies on: ext4, nfs4."""
    path = file.resolve()
    mounts = [(Path(each.mountpoint), each.fstype) for each in psutil.disk_partitions(all=True)]
    inside = [(len(point.parts), kind) for point, kind in mounts if path.is_relative_to(point)]
    return max(inside, default=(0, ""))[1]


def zones(sight: Sight) -> Iterator[Finding]:
    """The system's time zones go before those of the package tzdata; where they differ, hosts do, too."""
    names = sorted({job.timezone for job in sight.jobs})
    differing = [name for name in names if _differ(name, sight.now)]
    if differing:
        yield warning(
            "zones-differ",
            f"This system and the package tzdata {version('tzdata')} disagree on the coming clock changes of "
            f"{named(differing)}; the system's count here. On another host jobs may run at another time.",
            f"Bring both up to date: what fills {TZPATH[0] if TZPATH else 'PYTHONTZPATH'} (apt-get install "
            "--only-upgrade tzdata), and the package (pip install --upgrade tzdata).",
        )


def disagree(one: tzinfo, other: tzinfo, days: Iterable[datetime]) -> bool:
    """Whether the two clocks differ on any of the days."""
    return any(day.astimezone(one).utcoffset() != day.astimezone(other).utcoffset() for day in days)


def _differ(name: str, now: datetime) -> bool:
    try:
        ours = ZoneInfo(name)
        with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
            packaged = ZoneInfo.from_file(data, name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # parked for it, or of the system alone
        return False
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
    return disagree(ours, packaged, (midnight + number * ONE_DAY for number in range(LOOKED_AHEAD)))


def _written() -> Iterator[tuple[str, Path]]:
    """What is written on this machine, and where."""
    if connection.vendor == "sqlite":
        yield "the database", Path(connection.settings_dict["NAME"])
    for handler in settings.LOGGING.get("handlers", {}).values():
        if "filename" in handler:
            yield "the log", Path(handler["filename"])


EXAMINATIONS = (disks, zones)
