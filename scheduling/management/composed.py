"""A command made of deeds, such as `jobs list` and `jobs run`: each module brings some, and says how they act."""

from argparse import ArgumentParser
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError

from scheduling.exceptions import SchedulingError
from scheduling.management.finding import REFUSED
from scheduling.management.ready import tables

Act = Callable[[dict[str, Any], Any], None]  # what was given, and where to write

CODES = (
    "Exit code 0: done, and all is well. 1: done, but something is not well (each deed says what). "
    "2: refused, what was asked makes no sense. 130: left with Ctrl+C."
)


class Composed(BaseCommand):
    """Takes the deeds of its `parts`: modules with a function `add_parsers(deeds)`."""

    parts: ClassVar[tuple[ModuleType, ...]] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.epilog = CODES
        deeds = parser.add_subparsers(dest="deed", metavar="DEED", required=True, help="what to do:")
        for part in self.parts:
            part.add_parsers(deeds)

    def handle(self, **given: Any) -> None:
        act: Act = given.pop("act")
        try:
            with tables():
                act(given, self.stdout)
        except SchedulingError as error:
            raise CommandError(str(error), returncode=REFUSED) from None


def add_deed(deeds: Any, name: str, act: Act, help: str, codes: str = CODES) -> ArgumentParser:
    """A parser for the deed `name`, which `act` carries out; like all of them it takes --json."""
    parser: ArgumentParser = deeds.add_parser(
        name, help=help, description=f"{help[:1].upper()}{help[1:]}.", epilog=codes
    )
    parser.set_defaults(act=act)
    parser.add_argument("--json", action="store_true", help="tell it as JSON, with moments in UTC and spans in seconds")
    return parser
