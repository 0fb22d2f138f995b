"""manage.py trakt_login: connects Rota with the Trakt account of the primary user."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduling.exceptions import RetryLater
from scheduling.redact import redact
from tasks.exceptions import TaskError
from tasks.watch_history.conf import usable_options
from tasks.watch_history.login import login


class Command(BaseCommand):
    help = "Get a Trakt token: shows a code that the owner of the account types at Trakt."

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            login(usable_options(), self.show, time.sleep)
        except (TaskError, RetryLater) as error:
            raise CommandError(redact(str(error)), returncode=1) from error
        self.stdout.write("Done: the token is stored.")

    def show(self, url: str, code: str) -> None:
        self.stdout.write(f"Open {url} and type {code}. Waiting…")
