"""manage.py syncjobs: bring the jobs declared in code into the database, keeping what staff changed."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from scheduling.sync import sync


class Command(BaseCommand):
    help = "Creates or updates the jobs that the code declares; says what it did to each."

    def handle(self, **_: Any) -> None:
        for synced in sync(timezone.now()):
            columns = f" ({', '.join(synced.columns)})" if synced.columns else ""
            self.stdout.write(f"{synced.deed:<10}{synced.job}{columns}")
