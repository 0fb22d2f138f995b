"""The app that keeps what tasks say they did; the workloads beside it are apps of their own."""

from django.apps import AppConfig

from scheduling.notices.items import count_with


class TasksConfig(AppConfig):
    name = "tasks"
    verbose_name = "Task records"

    def ready(self) -> None:
        from tasks.models import items_of  # models must be loaded first

        count_with(items_of)
