"""manage.py demo_upstream: serves the invented Trakt and TMDB until it is told to stop."""

import json
import os
import signal
import threading
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tasks.demo.tmdb import Tmdb
from tasks.demo.trakt import TOKEN_LIFE, Trakt
from tasks.demo.upstream import HOST, Clock, Upstream
from tasks.watch_history.conf import options


class Command(BaseCommand):
    help = "Serve an invented Trakt and TMDB on 127.0.0.1; client id, secret and TMDB token are `demo`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        port = os.environ.get("DEMO_PORT", "8899")
        parser.add_argument("--port", type=int, default=port, help="8899, or what DEMO_PORT says")

    def handle(self, *_: Any, port: int, **__: Any) -> None:
        told_to_stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: told_to_stop.set())
        trakt = Trakt(Clock())
        try:
            with Upstream(trakt, Tmdb(), port=port) as upstream:
                leave_token(trakt)
                self.stdout.write(f"Demo Trakt and TMDB at {upstream.url}")
                told_to_stop.wait()
        except OSError as error:
            raise CommandError(f"Port {port} of {HOST} cannot be used: {error.strerror}") from error


def leave_token(trakt: Trakt) -> None:
    """Sign the demo's user in, unless a token is there; it ends soon, so that the first run renews it."""
    configured = options()
    path = configured.trakt_token_file
    if path.exists() or not configured.trakt_auth_url.startswith(f"http://{HOST}:"):
        return
    token = trakt.token()
    token["created_at"] -= int((TOKEN_LIFE - timedelta(minutes=1)).total_seconds())
    path.touch(0o600)
    path.write_text(json.dumps(token), encoding="utf-8")
