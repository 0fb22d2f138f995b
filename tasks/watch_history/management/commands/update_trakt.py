"""manage.py update_trakt: updates one user's history, with a progress bar. Exit code 1: failed, 2: usage."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scheduling.exceptions import RetryLater
from scheduling.redact import redact
from tasks.exceptions import TaskError
from tasks.recording import record
from tasks.watch_history.conf import options
from tasks.watch_history.update import update_user

COLUMNS = (
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TextColumn("{task.description}", markup=False),  # titles are data
)


class Command(BaseCommand):
    help = "Fetch what a Trakt user has watched, and write it to the database and to files."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, help="PRIMARY_USER or one of ADDITIONAL_USERS")
        parser.add_argument("--force", action="store_true", help="fetch all, even if the data is young")
        parser.add_argument("--limit", type=at_least_one, metavar="N", help="fetch only the N newest plays")
        parser.add_argument("--no-enrichment", action="store_true", help="without posters and cast from TMDB")

    def handle(self, *_: Any, user: str, **options_given: Any) -> None:
        check_user(user)
        longest = options().time_for(1)
        with Progress(*COLUMNS, console=Console(stderr=True)) as bar:
            line = bar.add_task(user, total=None)

            def show(done: int, total: int, text: str) -> None:
                bar.update(line, completed=done, total=total, description=text)

            try:
                with record(None, user, task_name="update_trakt", longest=longest, watcher=show) as entry:
                    update_user(
                        user,
                        entry,
                        force=options_given["force"],
                        limit=options_given["limit"],
                        with_enrichment=not options_given["no_enrichment"],
                    )
            except (TaskError, RetryLater) as error:
                raise CommandError(redact(str(error)), returncode=1) from error
        self.stdout.write(f"{user}: {', '.join(f'{name} {value}' for name, value in entry.result.items())}")


def check_user(user: str) -> None:
    """Raise CommandError, with the exit code for usage, unless `user` is among those who are configured."""
    configured = options()
    if not configured.users:
        missing = " and ".join(configured.missing())
        raise CommandError(f"Set {missing} in the environment or in .env.", returncode=2)
    if user not in configured.users:
        raise CommandError(f"{user!r} is none of the users {', '.join(configured.users)}", returncode=2)


def at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("must be a whole number, 1 or more")
    return int(text)
