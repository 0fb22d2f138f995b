"""What all commands have in common: exit codes that mean something, and deeds such as `jobs list` and `jobs run`."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser, SystemCheckError

from scheduling.exceptions import SchedulingError
from scheduling.management.finding import REFUSED
from scheduling.management.ready import NOT_READY, tables

Act = Callable[[dict[str, Any], Any], None]  # what was given, and where to write

UNHEARD = 141  # exit code: whoever read the output has gone, as `head` does; what a shell tells of SIGPIPE
CODES = (
    "Exit code 0: done, and all is well. 1: done, but something is not well (each deed says what). "
    "2: refused, what was asked makes no sense. 130: left with Ctrl+C."
)
ALWAYS = (
    f"{NOT_READY}: not done, since the database does not answer or the checks at the start found a setting wrong; "
    f"one that cannot even be read is {REFUSED}."  # manage.py says so, before any command is there
)


class Coded(BaseCommand):
    """A command whose exit code tells what was not done from what did not go well."""

    def execute(self, *args: Any, **given: Any) -> Any:
        try:
            try:
                return super().execute(*args, **given)
            except SystemCheckError as error:
                error.returncode = NOT_READY
                raise
            finally:
                self.stdout.flush()
        except BrokenPipeError:
            _hush()
            raise SystemExit(UNHEARD) from None


class Composed(Coded):
    """Takes the deeds of its `parts`: modules with a function `add_parsers(deeds)`."""

    parts: ClassVar[tuple[ModuleType, ...]] = ()
    otherwise: ClassVar[str] = ""  # the deed that is meant where none is named

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **options)
        if self.otherwise:
            whole = parser.parse_args  # Django names the class of its parsers itself, so that one cannot derive from it
            parser.parse_args = lambda args=None, namespace=None: whole(self._meant(args), namespace)  # type: ignore[method-assign,assignment]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = f"{CODES} {ALWAYS}"
        deeds = parser.add_subparsers(dest="deed", metavar="DEED", required=True, help="what to do:")
        for part in self.parts:
            part.add_parsers(deeds)
        self._known = set(deeds.choices)

    def handle(self, **given: Any) -> None:
        act: Act = given.pop("act")
        try:
            with tables():
                act(given, self.stdout)
        except SchedulingError as error:
            raise CommandError(str(error), returncode=REFUSED) from None

    def _meant(self, args: Sequence[str] | None) -> list[str]:
        given = list(sys.argv[2:] if args is None else args)
        first = next((each for each in given if not each.startswith("-")), None)
        asks_for_help = first is None and {"-h", "--help", "--version"} & set(given)
        return given if asks_for_help or first in self._known else [self.otherwise, *given]


def add_deed(deeds: Any, name: str, act: Act, help: str, codes: str = CODES) -> ArgumentParser:
    """A parser for the deed `name`, which `act` carries out; like all of them it takes --json."""
    parser: ArgumentParser = deeds.add_parser(name, help=help, description=f"{help[:1].upper()}{help[1:]}.")
    be_deed(parser, act, codes)
    return parser


def be_deed(parser: ArgumentParser, act: Act, codes: str = CODES) -> None:
    """Have `act` carry out what `parser` reads: of a command that is a deed by itself, and of each deed of others."""
    parser.epilog = f"{codes} {ALWAYS}"
    parser.set_defaults(act=act)
    parser.add_argument("--json", action="store_true", help="tell it as JSON, with moments in UTC and spans in seconds")


def _hush() -> None:
    """Nobody reads any more: what is still in the buffers must not fail a second time at the end of the process."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
