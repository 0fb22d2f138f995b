"""manage.py demo_upstream: serves the invented outside services until it is told to stop."""

import os
import signal
import threading
from argparse import ArgumentParser
from contextlib import nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tasks.demo.cast import Cast, mailbox
from tasks.demo.furniture import furnish
from tasks.demo.upstream import HOST, Clock, Upstream


class Command(BaseCommand):
    help = "Serve invented outside services of all workloads on 127.0.0.1; each key is `demo`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        port = os.environ.get("DEMO_PORT", "8899")
        parser.add_argument("--port", type=int, default=port, help="8899, or what DEMO_PORT says")

    def handle(self, *_: Any, port: int, **__: Any) -> None:
        told_to_stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: told_to_stop.set())
        post = mailbox()
        cast = Cast(Clock())
        try:
            with post or nullcontext(), Upstream(*cast.services(post), port=port) as upstream:
                furnish(cast)
                self.stdout.write(f"Demo of the outside services at {upstream.url}; what was told: /discord, /mail")
                told_to_stop.wait()
        except OSError as error:
            raise CommandError(f"Port {port} of {HOST} cannot be used: {error.strerror}") from error
