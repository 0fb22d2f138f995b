"""Wiring at start: find the tasks, register the system checks."""

from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "scheduling"
    verbose_name = "Scheduling"

    def ready(self) -> None:
        from scheduling import checks, registry  # noqa: F401  # models must be loaded first

        registry.discover()
