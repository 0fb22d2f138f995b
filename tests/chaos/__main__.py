"""script/chaos: a campaign on a database of its own, its figures, and 1 as exit code if anything was found."""

import argparse
import os
import random
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import django
from rich.console import Console

from tests.acceptance.servers import MariaDB, NotInstalled, PostgreSQL, Server

SERVERS: dict[str, type[Server]] = {"postgresql": PostgreSQL, "mariadb": MariaDB}
NOTHING_FOUND, FOUND, NO_SERVER = 0, 1, 2


def main() -> int:
    options = parse()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="rota-chaos-"))
        server = None
        url = f"sqlite:///{folder}/rota.sqlite3"
        if options.database in SERVERS:
            try:
                server = stack.enter_context(SERVERS[options.database]())
            except NotInstalled as error:
                sys.stderr.write(f"{error}\n")
                return NO_SERVER
            url = server.url
        prepare(url)
        return run(options, folder, url, server)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser("script/chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="of faults; the check comes after them")
    parser.add_argument("--database", choices=["sqlite", *SERVERS], default="sqlite")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))  # noqa: S311
    parser.add_argument("--kills-per-minute", type=float, default=48.0, help="from outside; failpoints kill besides")
    parser.add_argument("--json", action="store_true", help="the figures as one object")
    return parser.parse_args()


def prepare(url: str) -> None:
    """Django on an empty database with our tables, in which no job of the workloads is in the way."""
    os.environ["DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from django.core.management import call_command
    from django.utils import timezone

    from scheduling import store
    from scheduling.models import Job
    from scheduling.sync import sync

    call_command("migrate", interactive=False, verbosity=0)
    sync(timezone.now())
    for job in Job.objects.all():
        store.pause(job, by="chaos", now=timezone.now())


def run(options: argparse.Namespace, folder: Path, url: str, server: Server | None) -> int:
    """A campaign, and what it found."""
    from tests.acceptance.rota import Rota
    from tests.chaos import report
    from tests.chaos.campaign import Campaign, Plan

    console = Console(stderr=True)
    plan = Plan(options.minutes, options.seed, options.kills_per_minute)
    rota = Rota(folder, url)
    try:
        with report.progress(console, f"chaos on {options.database}") as tell:
            result = Campaign(rota, plan, server).run(tell)
    finally:
        rota.end()
    if result.findings:
        report.findings(console, result.findings)
        console.print(f"Files: {folder}  Again: script/chaos --database {options.database} --seed {plan.seed}")
    else:
        shutil.rmtree(folder)
    write = report.as_json if options.json else report.line
    sys.stdout.write(write(options.database, plan, result) + "\n")
    return FOUND if result.findings else NOTHING_FOUND


if __name__ == "__main__":
    sys.exit(main())
