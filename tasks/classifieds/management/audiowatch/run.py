"""audiowatch run: a scan in this process, and after it, unless --once, the scheduler."""

import os
from argparse import ArgumentTypeError, BooleanOptionalAction
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError

from scheduling.management.composed import add_deed
from tasks.classifieds.conf import options, usable_options
from tasks.classifieds.management.audiowatch.scanning import put_told, scan_and_show
from tasks.classifieds.management.audiowatch.told import REFUSED, refusing
from tasks.classifieds.scan import MOST_PAGES, Wanted

CODES = "Exit code 0: done, or stopped. 1: with --once, something failed. 2: refused, or a setting is missing."


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "run", act, "scan now, and from then on whenever it is due", CODES)
    first = parser.add_mutually_exclusive_group()
    first.add_argument("--once", action="store_true", help="scan once in this process, and end")
    first.add_argument("--skip-initial", action="store_true", help="without a scan at the start")
    parser.add_argument("--max-pages", type=pages, metavar="N", help="pages of each category in the scan made now")
    parser.add_argument("--headless", action=BooleanOptionalAction, help="hide the browser (FETCHER=browser)")


def act(given: dict[str, Any], out: Any) -> None:
    configured, headless = options(), given["headless"]
    if headless is not None and configured.fetcher != "browser":
        raise CommandError(
            "--headless and --no-headless are for FETCHER=browser, which is not set.", returncode=REFUSED
        )
    if given["once"]:
        with refusing():
            told = scan_and_show(Wanted(max_pages=given["max_pages"], although_strange=True, headless=headless))
        put_told(told, given["json"], out)
        return
    if headless is not None:
        os.environ["HEADLESS"] = "yes" if headless else "no"  # for the children of the scheduler
    with refusing():
        usable_options()
    out.write(f"Starting scheduled scraper (every {configured.poll_interval_minutes} minutes)... Press Ctrl+C to stop")
    if not given["skip_initial"]:
        out.write("Running initial scrape...")
        _scan_first(Wanted(max_pages=given["max_pages"], headless=headless), out)
    out.flush()
    call_command("runscheduler", skip_initial=True, stdout=out)  # what was scanned here is not scanned twice


def pages(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_PAGES:
        raise ArgumentTypeError(f"must be a whole number from 1 to {MOST_PAGES}")
    return int(text)


def _scan_first(wanted: Wanted, out: Any) -> None:
    """A scan that fails keeps the scheduler from nothing: it scans again when it is due."""
    try:
        with refusing():
            put_told(scan_and_show(wanted), False, out)
    except CommandError as error:
        out.write(f"The initial scrape failed: {error}")
