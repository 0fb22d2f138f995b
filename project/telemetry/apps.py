"""Starts Sentry in each process: web, scheduler, their children, commands."""

from django.apps import AppConfig
from django.conf import settings


class TelemetryConfig(AppConfig):
    name = "project.telemetry"
    label = "telemetry"

    def ready(self) -> None:
        from project.telemetry import errors  # models must be loaded first

        errors.start(settings.SENTRY_DSN)
