"""The pages of task records."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from scheduling.models import State
from tasks.models import TaskRecord
from tests.factories import make_execution


@pytest.mark.parametrize(
    ("run", "shown"), [({"state": State.LOST, "finished_at": timezone.now()}, "Interrupted"), ({}, "Running")]
)
def test_a_record_left_open_by_a_killed_run_shows_as_interrupted(
    admin_client: Client, run: dict[str, Any], shown: str
) -> None:
    execution = make_execution(**run)
    record = TaskRecord.objects.create(task_name="sync", execution=execution)
    for page in (
        reverse("admin:tasks_taskrecord_changelist"),
        reverse("admin:tasks_taskrecord_change", args=[record.pk]),
        reverse("admin:scheduling_execution_change", args=[execution.pk]),
    ):
        text = admin_client.get(page).text
        assert f">{shown}<" in "".join(text.split()), page
