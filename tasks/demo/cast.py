"""The services of the demo, and what they leave in the database so that there is something to see at once."""

import json
from contextlib import suppress
from datetime import timedelta

from django.utils import timezone

from scheduling.models import Why
from scheduling.sync import sync
from tasks.classifieds.conf import options as classifieds
from tasks.classifieds.models import ExchangeRate, Rule
from tasks.demo.discord import Discord
from tasks.demo.headfi import HeadFi
from tasks.demo.mailbox import Mailbox
from tasks.demo.messages import Messages
from tasks.demo.tmdb import Tmdb
from tasks.demo.trakt import TOKEN_LIFE, Trakt
from tasks.demo.upstream import HOST, Clock, Service
from tasks.demo.zendesk import Zendesk
from tasks.exceptions import TaskError
from tasks.tickets import on_demand
from tasks.tickets.conf import options as tickets
from tasks.tickets.models import Ticket
from tasks.watch_history.conf import options as watch_history

BY = "the demo"
RULES = {
    "Headphones below 300": 'category in ["full-size.2", "in-ear-monitors.3"] and price < 300',
    "A DAC, here or in Europe": '(category startswith "dac") and price < 900 EUR and not status = "sold"',
}


def mailbox() -> Mailbox | None:
    """What takes the mails, if they are sent to this machine."""
    configured = classifieds()
    return Mailbox(configured.smtp_port) if configured.smtp_host == HOST else None


def services(clock: Clock, post: Mailbox | None) -> tuple[Trakt, list[Service]]:
    """Trakt, and all of them; those that are more particular about their addresses than Trakt go before it."""
    trakt = Trakt(clock)
    others: list[Service] = [Zendesk(clock), Messages(clock), HeadFi(clock), Discord(clock), Tmdb(), trakt]
    return trakt, [*([post] if post else []), *others]


def furnish(trakt: Trakt) -> None:
    """Leave what a newcomer would have to make first: a token, rules, a first run of the tickets' pipeline."""
    leave_token(trakt)
    if is_here(classifieds().discord_webhook_url) and not Rule.objects.exists():
        leave_rules()
    if is_here(tickets().zendesk_url) and not Ticket.objects.exists():
        sync(timezone.now())  # the job may not be there yet
        with suppress(TaskError):  # somebody was first
            on_demand.start(now=timezone.now(), by=BY, why=Why.RUN_NOW)


def leave_rules() -> None:
    """Two rules that match at once, and the rate that one of them needs."""
    now = timezone.now()
    ExchangeRate.objects.get_or_create(currency="EUR", defaults={"in_usd": "1.10", "as_of": now.date()})
    channels = ["discord", *(["mail"] if classifieds().smtp_host == HOST else [])]
    Rule.objects.bulk_create(
        Rule(name=name, expression=expression, channels=channels, created_at=now, changed_at=now, changed_by=BY)
        for name, expression in RULES.items()
    )


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
