"""manage.py importjobs: takes over a crontab, or the tables of django-apscheduler or django-celery-beat."""

import subprocess
from argparse import ArgumentParser
from functools import partial
from typing import Any, ClassVar

from django.core.management.base import CommandError
from django.utils import timezone

from scheduling.clocks import zone
from scheduling.management import takeover
from scheduling.management.composed import ALWAYS, Composed, add_deed
from scheduling.management.finding import REFUSED
from scheduling.management.transfer import read_file
from scheduling.transfer.sources import apscheduler, celery_beat, crontab
from scheduling.transfer.sources.tables import rows_of


class Command(Composed):
    help = "Shows the jobs of another scheduler as jobs of this one, compares when both fire, and takes them over."
    parts: ClassVar = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.epilog = f"{takeover.CODES} {ALWAYS}"
        deeds = parser.add_subparsers(dest="deed", metavar="SOURCE", required=True, help="where they are:")
        lines = add_deed(deeds, "crontab", _crontab, "a crontab file", takeover.CODES)
        lines.add_argument("file", nargs="?", metavar="FILE", help="- reads the standard input")
        lines.add_argument("--user-crontab", action="store_true", help="that of the user who runs this (crontab -l)")
        lines.add_argument("--system", action="store_true", help="with a column for the user, as in /etc/crontab")
        lines.add_argument("--timezone", metavar="ZONE", help="the clock of its machine (TIME_ZONE)")
        takeover.add_arguments(lines)
        for name, module in (("django-apscheduler", apscheduler), ("django-celery-beat", celery_beat)):
            act = partial(_tables, name, module)
            table = add_deed(deeds, name, act, f"the tables of {name}", takeover.CODES)
            known = takeover.databases()
            help = "the database that they are in; `source` is that of SOURCE_DATABASE_URL (default)"
            table.add_argument("--database", choices=known, default="default", help=help)
            takeover.add_arguments(table)


def _crontab(given: dict[str, Any], out: Any) -> None:
    if bool(given["file"]) == given["user_crontab"]:
        raise CommandError("Give a FILE, - for the standard input, or --user-crontab.", returncode=REFUSED)
    clock = given["timezone"] or timezone.get_default_timezone_name()
    zone(clock)
    text = _of_user() if given["user_crontab"] else read_file(given["file"])
    takeover.take_over(crontab.entries(text, clock, system=given["system"]), "the crontab", given, out)


def _of_user() -> str:
    try:
        return subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    except (OSError, subprocess.CalledProcessError) as error:
        said = str(getattr(error, "stderr", "") or error).strip()
        raise CommandError(f"The crontab of this user cannot be read: {said}.", returncode=REFUSED) from None


def _tables(name: str, module: Any, given: dict[str, Any], out: Any) -> None:
    takeover.take_over(module.entries(rows_of(given["database"]), timezone.now()), name, given, out)
