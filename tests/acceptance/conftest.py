"""What the acceptance tests use: an installation of Rota to start and to kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from scheduling import store
from scheduling.models import Job
from scheduling.sync import sync
from tests.acceptance.rota import Rota


@pytest.fixture
def rota(tmp_path: Path, database_url: str) -> Iterator[Rota]:
    """Schedulers on a database of their own; whatever still runs at the end is killed."""
    sync(timezone.now())
    for job in Job.objects.all():  # what the workloads declare would only get in the way
        store.pause(job, by="test", now=timezone.now())
    installation = Rota(tmp_path, database_url)
    yield installation
    installation.end()
