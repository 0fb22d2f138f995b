"""A recording that is known, and one that is queued."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.audiobooks.conf import options
from tasks.audiobooks.downloads import queue
from tasks.audiobooks.keep import keep
from tasks.audiobooks.models import Download, Edition
from tests.tasks.audiobooks.downloads.looking import NOON, RECORDED


@pytest.fixture
def edition(recording: Callable[[int], Any]) -> Edition:
    return keep(recording(0), NOON)


@pytest.fixture
def queued(edition: Edition) -> Download:
    download = queue(edition, "Asked for by ada", now=NOON)
    assert download
    return download


@pytest.fixture
def several(recording: Callable[[int], Any]) -> list[Download]:
    """Five that are queued."""
    return [row for number in RECORDED if (row := queue(keep(recording(number), NOON), "x", now=NOON))]


@pytest.fixture
def shelf(configured: Callable[..., None]) -> Path:
    return options().library_dir
