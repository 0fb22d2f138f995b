"""manage.py syncjobs: bring the jobs declared in code into the database, keeping what staff changed."""

from argparse import ArgumentParser
from typing import Any

from scheduling.management.composed import ALWAYS, Coded
from scheduling.management.ready import synced


class Command(Coded):
    help = "Creates or updates the jobs that the code declares; says what it did to each."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.epilog = f"Exit code 0: done. {ALWAYS}"

    def handle(self, **_: Any) -> None:
        for each in synced():
            columns = f" ({', '.join(each.columns)})" if each.columns else ""
            self.stdout.write(f"{each.deed:<10}{each.job}{columns}")
