"""What the doctor says of this machine: its disks, its file systems, its time zones."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest
from django.conf import settings

from scheduling.doctor import places
from scheduling.doctor.findings import Severity
from scheduling.doctor.sight import Sight
from tests.factories import NOON, make_job

MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    ("free", "severities"),
    [(500 * MEGABYTE, []), (499 * MEGABYTE, [Severity.WARNING]), (99 * MEGABYTE, [Severity.ERROR])],
)
def test_a_disk_is_told_before_it_is_full(free: int, severities: list[Severity]) -> None:
    assert [each.severity for each in places.room("the log", Path("/var/log"), free)] == severities


def test_the_disk_of_a_log_file_is_looked_at_even_before_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = {"file": {"filename": str(tmp_path / "new" / "rota.log")}, "console": {"class": "logging.StreamHandler"}}
    monkeypatch.setattr(settings, "LOGGING", {"handlers": handlers})
    looked_at = []

    def usage(folder: Path) -> Any:
        looked_at.append(folder)
        return SimpleNamespace(free=1)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    found = [each.what for each in places.disks(Sight(NOON))]
    assert tmp_path in looked_at
    assert any(said.startswith(f"The disk of the log ({tmp_path}) has 0 MB left") for said in found)


def test_the_innermost_mount_says_which_file_system_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mounts = [("/", "ext4"), (str(tmp_path), "nfs4"), (f"{tmp_path}/data-of-others", "xfs")]
    named = [SimpleNamespace(mountpoint=point, fstype=kind) for point, kind in mounts]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: named)
    assert places.filesystem_of(tmp_path / "data" / "rota.sqlite3") == "nfs4"
    assert places.filesystem_of(Path("/rota.sqlite3")) == "ext4"


def test_zones_differ_when_they_do_on_a_day_to_come() -> None:
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(400)]
    assert not places.disagree(ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Paris"), days)
    assert places.disagree(ZoneInfo("Europe/Berlin"), ZoneInfo("Africa/Lagos"), days)  # alike in winter
    assert not places.disagree(ZoneInfo("Europe/Berlin"), ZoneInfo("Africa/Lagos"), days[:60])


@pytest.mark.django_db
def test_the_zones_of_jobs_are_compared_with_those_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    make_job(timezone="Europe/Berlin")
    make_job(timezone="Nowhere/Land")
    assert not list(places.zones(Sight(NOON)))
    monkeypatch.setattr(places, "disagree", lambda *_: True)
    (finding,) = places.zones(Sight(NOON))
    assert "Europe/Berlin" in finding.what
    assert "Nowhere" not in finding.what
