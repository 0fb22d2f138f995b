"""manage.py explain: the same as `jobs explain`, in a word less."""

from argparse import ArgumentParser

from scheduling.management.composed import Composed, be_deed
from scheduling.management.jobs import explaining


class Command(Composed):
    help = explaining.HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        explaining.add_arguments(parser)
        be_deed(parser, explaining.act)
