"""manage.py explain: the same as `jobs explain`, in a word less."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from scheduling.management.jobs import explaining


class Command(BaseCommand):
    help = explaining.HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        explaining.add_arguments(parser)
        parser.add_argument("--json", action="store_true", help="as JSON, with moments in UTC")

    def handle(self, **given: Any) -> None:
        explaining.act(given, self.stdout)
