"""notices list: what is wrong just now, which channels there are, and what waits to be told."""

from collections import Counter
from datetime import datetime
from typing import Any

from django.utils import timezone
from rich.table import Table
from rich.text import Text

from scheduling.management.composed import add_deed
from scheduling.management.telling import away, put, put_json, table
from scheduling.models import Event, Incident, Notice, NoticeRule, NoticeState
from scheduling.notices import channels

WRONG = 1  # exit code
CODES = "Exit code 0: no incident is open. 1: one is. 2: refused."
TOLD = ("event", "subject", "summary", "count", "opened_at", "last_at", "told_at", "acknowledged_at", "muted_until")


def add_parsers(deeds: Any) -> None:
    add_deed(deeds, "list", act, "list open incidents, channels, and what the outbox holds", CODES)


def act(given: dict[str, Any], out: Any) -> None:
    incidents = list(Incident.objects.open().select_related("rule"))
    ways = _channels()
    if given["json"]:
        put_json(out, {"incidents": [_as_json(each) for each in incidents], "channels": ways})
    else:
        wrong = _incidents(incidents, timezone.now()) if incidents else Text("No incident is open.")
        none = Text("No channel is configured: set NOTICE_CHANNEL_OPS, for example.")
        put(out, wrong, Text(), _drawn(ways) if ways else none)
    if incidents:
        raise SystemExit(WRONG)


def _incidents(incidents: list[Incident], now: datetime) -> Table:
    made = table("Incident", "What", "About", "Since", "Times", "Rule", "Summary", wraps=("Rule", "Summary"))
    for each in incidents:
        about = each.subject.partition(":")[2] or each.subject
        made.add_row(
            *(Text(str(each.pk), "bold"), Text(Event(each.event).value, "red"), Text(about)),
            *(away(each.opened_at, now), f"{each.count:,}", Text(each.rule.name), Text(each.summary)),
        )
    return made


def _drawn(ways: list[dict[str, Any]]) -> Table:
    made = table("Channel", "Speaks", "Rules", "Waiting", "Given up", "State", wraps=("State",))
    for way in ways:
        state = Text(way["complaint"], "red") if way["complaint"] else Text("looks well", "green")
        counts = (f"{way[name]:,}" for name in ("rules", "waiting", "given_up"))
        made.add_row(Text(way["name"], "bold"), Text(way["kind"]), *counts, state)
    return made


def _channels() -> list[dict[str, Any]]:
    named = Counter(name for rule in NoticeRule.objects.filter(enabled=True) for name in rule.channels)
    outbox = Counter(Notice.objects.exclude(state=NoticeState.SENT).values_list("channel", "state"))
    return [
        {
            "name": name,
            "kind": channels.kind(name),
            "rules": named[name],
            "waiting": outbox[name, NoticeState.WAITING] + outbox[name, NoticeState.SENDING],
            "given_up": outbox[name, NoticeState.GIVEN_UP],
            "complaint": channels.complaint(name),
        }
        for name in channels.names()
    ]


def _as_json(each: Incident) -> dict[str, Any]:
    told = {name: getattr(each, name) for name in TOLD}
    return {"id": each.pk, "rule": each.rule.name, "run": each.last_run_id, **told}
