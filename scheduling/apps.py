"""Wiring at start: find the tasks, register the system checks, guard the states."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SchedulingConfig(AppConfig):
    name = "scheduling"
    verbose_name = "Scheduling"

    def ready(self) -> None:
        from scheduling import checks, registry  # noqa: F401  # models must be loaded first
        from scheduling.walls import build_walls

        post_migrate.connect(build_walls, sender=self)
        registry.discover()
