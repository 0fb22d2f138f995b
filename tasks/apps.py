"""The app that keeps what tasks say they did; the workloads beside it are apps of their own."""

from django.apps import AppConfig


class TasksConfig(AppConfig):
    name = "tasks"
    verbose_name = "Task records"
