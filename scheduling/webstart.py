"""SCHEDULER_IN_WEB: the processes that serve pages run jobs as well, as on a host with a single dyno."""

import logging
import os
import threading
from functools import cache

from django.db import Error as DatabaseFailure
from django.db import connection

from scheduling.background import AGAIN
from scheduling.door import start_scheduler
from scheduling.exceptions import SchedulingError

logger = logging.getLogger(__name__)

SETTLED = 1.0  # seconds without a fork after which a process is taken for one that serves


class WebStart:
    """start_scheduler(), once, in a process that serves: not in one that loads the application only to be copied.

    That is the master of `gunicorn --preload`: it forks within a moment, and its copies serve.
    """

    def __init__(self) -> None:
        self.begun = False
        os.register_at_fork(after_in_parent=self.leave, after_in_child=self.watch)

    def watch(self) -> None:
        """Start as soon as this process has settled, unless it has, or is a copy of one that had."""
        self.left = threading.Event()
        if not self.begun:
            threading.Thread(target=self._begin, name="web start", daemon=True).start()

    def leave(self) -> None:
        """This process has forked: another one serves."""
        if not self.begun:
            self.left.set()

    def _begin(self) -> None:
        wait = SETTLED
        while not self.left.wait(wait):
            self.begun = True
            try:
                start_scheduler()
                logger.info("This web process runs jobs in its background.")
                return
            except DatabaseFailure as error:
                logger.warning("The web process runs no jobs yet, trying again: %s", error)
            except SchedulingError as error:
                logger.critical("The web process runs no jobs: %s", error)
                return
            finally:
                connection.close()
            wait = AGAIN


@cache
def _web_start() -> WebStart:
    return WebStart()


def start_in_web() -> None:
    """start_scheduler() for project/wsgi.py: in each process that serves, and again if the database is not there yet.

    Returns at once; what goes wrong is logged, for the pages have to be served in any case.
    """
    _web_start().watch()
