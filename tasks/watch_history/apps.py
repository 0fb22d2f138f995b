"""Trakt: what was watched, merged without doubles."""

from django.apps import AppConfig


class WatchHistoryConfig(AppConfig):
    name = "tasks.watch_history"
    verbose_name = "Watch history"

    def ready(self) -> None:
        from tasks.watch_history import checks  # noqa: F401  (registers itself)
