"""The campaign's own app, which only the tests' settings install: its tasks, and its faults where they are wanted."""

import os
from unittest.mock import patch

from django.apps import AppConfig


class ChaosConfig(AppConfig):
    name = "tests.chaos"

    def ready(self) -> None:
        from scheduling.store import workers  # models must be loaded first
        from tests.chaos.failpoints import Failpoints

        if text := os.environ.get("FAILPOINTS"):
            Failpoints(text, os.environ.get("FAILPOINTS_LOG", "")).install()
        if kernel := os.environ.get("KERNEL"):  # as if on another host, where nobody can look up the process
            patch.object(workers, "boot_id", lambda: kernel).start()
