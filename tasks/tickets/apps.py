"""Support tickets, fetched and mined for the issues that they tell of."""

from django.apps import AppConfig


class TicketsConfig(AppConfig):
    name = "tasks.tickets"
    verbose_name = "Support tickets"

    def ready(self) -> None:
        from tasks.tickets import checks  # noqa: F401  (registers itself)
