"""manage.py syncjobs: bring the jobs declared in code into the database, keeping what staff changed."""

from typing import Any

from django.core.management.base import BaseCommand

from scheduling.management.ready import synced


class Command(BaseCommand):
    help = "Creates or updates the jobs that the code declares; says what it did to each."

    def handle(self, **_: Any) -> None:
        for each in synced():
            columns = f" ({', '.join(each.columns)})" if each.columns else ""
            self.stdout.write(f"{each.deed:<10}{each.job}{columns}")
