"""What the demo leaves in the database, so that there is something to see at once; nothing for real services."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from django.utils import timezone

from scheduling import store
from scheduling.models import Job, Why
from scheduling.sync import sync
from tasks.audiobooks.conf import options as audiobooks
from tasks.audiobooks.models import Genre
from tasks.classifieds.conf import options as classifieds
from tasks.classifieds.models import ExchangeRate, Rule
from tasks.demo.brands import leave_businesses
from tasks.demo.cast import Cast
from tasks.demo.trakt import TOKEN_LIFE, Trakt
from tasks.demo.upstream import HOST
from tasks.exceptions import TaskError
from tasks.social.conf import options as social
from tasks.social.models import Business
from tasks.tickets import on_demand
from tasks.tickets.conf import options as tickets
from tasks.tickets.models import Ticket
from tasks.watch_history.conf import options as watch_history

BY = "the demo"
RULES = {
    "Headphones below 300": 'category in ["full-size.2", "in-ear-monitors.3"] and price < 300',
    "A DAC, here or in Europe": '(category startswith "dac") and price < 900 EUR and not status = "sold"',
}
TOP = ("Science Fiction", "Nautical & Marine Fiction", "Detective Fiction")
BOOKS_FIRST = {  # jobs of the audiobooks, and how many seconds after the start each is run for the first time
    "mam_scraping": 0,
    "top10_discovery": 12,
    "metadata_full": 15,
    "download_audiobooks": 25,
    "series_completion": 150,
    "author_completion": 160,
}


def furnish(cast: Cast) -> None:
    """Leave what a newcomer would have to make first: tokens, rules, accounts, first runs."""
    leave_token(cast.trakt)
    sync(timezone.now())  # the jobs may not be there yet
    parts: list[tuple[str, bool, Callable[[], None]]] = [
        (classifieds().discord_webhook_url, Rule.objects.exists(), leave_rules),
        (tickets().zendesk_url, Ticket.objects.exists(), start_tickets),
        (audiobooks().librivox_url, Genre.objects.exists(), leave_genres),
        (social().x_url, Business.objects.exists(), lambda: start_businesses(cast)),
    ]
    for address, is_furnished, leave in parts:
        if is_here(address) and not is_furnished:
            leave()


def is_here(address: str) -> bool:
    """Whether what is configured is this demo."""
    return address.startswith(f"http://{HOST}:")


def leave_token(trakt: Trakt) -> None:
    """Sign the demo's user in, unless a token is there; it ends soon, so that the first run renews it."""
    configured = watch_history()
    path = configured.trakt_token_file
    if path.exists() or not is_here(configured.trakt_auth_url):
        return
    token = trakt.token()
    token["created_at"] -= int((TOKEN_LIFE - timedelta(minutes=1)).total_seconds())
    path.touch(0o600)
    path.write_text(json.dumps(token), encoding="utf-8")


def leave_rules() -> None:
    """Two rules that match at once, and the rate that one of them needs."""
    now = timezone.now()
    ExchangeRate.objects.get_or_create(currency="EUR", defaults={"in_usd": "1.10", "as_of": now.date()})
    channels = ["discord", *(["mail"] if classifieds().smtp_host == HOST else [])]
    Rule.objects.bulk_create(
        Rule(name=name, expression=expression, channels=channels, created_at=now, changed_at=now, changed_by=BY)
        for name, expression in RULES.items()
    )


def start_tickets() -> None:
    """A first run of the pipeline."""
    with suppress(TaskError):  # somebody was first
        on_demand.start(now=timezone.now(), by=BY, why=Why.RUN_NOW)


def leave_genres() -> None:
    """Genres whose top ten are wanted, and a first run of each job of the audiobooks."""
    for name in TOP:
        Genre.objects.update_or_create(name=name, defaults={"is_enabled": True})
    for job, seconds in BOOKS_FIRST.items():
        run_soon(job, seconds)


def start_businesses(cast: Cast) -> None:
    """Businesses with a past, and a sync of them."""
    leave_businesses(cast.linkedin, cast.x, cast.meta)
    run_soon("sync_all_businesses", 0)


def run_soon(job: str, seconds: int) -> None:
    """Queue a run of the job after so many seconds, if the job is there."""
    now = timezone.now()
    for found in Job.objects.filter(pk=job, parked_reason=""):
        store.enqueue(found, now=now, by=BY, run_after=now + timedelta(seconds=seconds))
