"""manage.py notices: what is wrong just now, and whether a channel works. Exit code 1: something is, or it does not."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from scheduling.management.finding import REFUSED
from scheduling.management.telling import away, put, put_json, table
from scheduling.models import Event, Incident, Notice, NoticeRule, NoticeState
from scheduling.notices import channels
from scheduling.notices.post import send_test

BY = "manage.py notices test"


class Command(BaseCommand):
    help = "Tells what is wrong just now, which channels there are, and sends test messages."

    def add_arguments(self, parser: ArgumentParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        listed = deeds.add_parser("list", help="open incidents, channels, and what the outbox holds; 1 if one is open")
        listed.add_argument("--json", action="store_true", help="for a program")
        test = deeds.add_parser("test", help="send a test message now; 1 if it does not arrive")
        test.add_argument("channel", help="a name: NOTICE_CHANNEL_OPS is ops")

    def handle(self, **given: Any) -> None:
        if given["deed"] == "test":
            self._test(given["channel"])
        else:
            self._list(timezone.now(), as_json=given["json"])

    def _test(self, channel: str) -> None:
        if channel not in channels.names():
            known = ", ".join(channels.names()) or "none; set NOTICE_CHANNEL_OPS, for example"
            raise CommandError(f"No channel {channel!r} is configured; there are: {known}.", returncode=REFUSED)
        if wrong := send_test(channel, BY, timezone.now):
            raise CommandError(f"{channel}: not delivered. {wrong}", returncode=1)
        self.stdout.write(f"{channel}: delivered.")

    def _list(self, now: datetime, *, as_json: bool) -> None:
        incidents = list(Incident.objects.open().select_related("rule"))
        if as_json:
            put_json(self.stdout, _as_json(incidents))
        else:
            self._put_tables(incidents, now)
        if incidents:
            raise SystemExit(1)

    def _put_tables(self, incidents: list[Incident], now: datetime) -> None:
        wrong = table("INCIDENT", "WHAT", "ABOUT", "SINCE", "TIMES", "RULE", "SUMMARY", wraps=("RULE", "SUMMARY"))
        for each in incidents:
            about = each.subject.partition(":")[2] or each.subject
            row = (Event(each.event).value, about, away(each.opened_at, now), f"{each.count:,}", each.rule.name)
            wrong.add_row(str(each.pk), *row, each.summary)
        ways = table("CHANNEL", "SPEAKS", "RULES", "WAITING", "GIVEN UP", "STATE", wraps=("STATE",))
        for way in _channels():
            state = way["complaint"] or "looks well"
            ways.add_row(way["name"], way["kind"], str(way["rules"]), str(way["waiting"]), str(way["given_up"]), state)
        put(self.stdout, wrong if incidents else "No incident is open.", "")
        put(self.stdout, ways if channels.names() else "No channel is configured: set NOTICE_CHANNEL_OPS, for example.")


def _channels() -> list[dict[str, Any]]:
    named = [name for rule in NoticeRule.objects.filter(enabled=True) for name in rule.channels]
    outbox = list(Notice.objects.exclude(state=NoticeState.SENT).values_list("channel", "state"))
    return [
        {
            "name": name,
            "kind": channels.kind(name),
            "rules": named.count(name),
            "waiting": sum(outbox.count((name, state)) for state in (NoticeState.WAITING, NoticeState.SENDING)),
            "given_up": outbox.count((name, NoticeState.GIVEN_UP)),
            "complaint": channels.complaint(name),
        }
        for name in channels.names()
    ]


def _as_json(incidents: list[Incident]) -> dict[str, Any]:
    told = ("event", "subject", "summary", "count", "opened_at", "last_at", "told_at", "acknowledged_at", "muted_until")
    return {
        "incidents": [
            {
                "id": each.pk,
                "rule": each.rule.name,
                "run": each.last_run_id,
                **{name: getattr(each, name) for name in told},
            }
            for each in incidents
        ],
        "channels": _channels(),
    }
