"""notices test: whether a channel works, by a message that is sent at once."""

from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from scheduling.management.caller import by
from scheduling.management.composed import add_deed
from scheduling.management.finding import REFUSED
from scheduling.management.telling import put_json
from scheduling.notices import channels
from scheduling.notices.post import send_test

LOST = 1  # exit code
CODES = "Exit code 0: delivered. 1: not delivered. 2: refused, there is no such channel."


def add_parsers(deeds: Any) -> None:
    parser = add_deed(deeds, "test", act, "send a test message now", CODES)
    parser.add_argument("channel", help="a name: NOTICE_CHANNEL_OPS is ops")


def act(given: dict[str, Any], out: Any) -> None:
    channel = given["channel"]
    if channel not in channels.names():
        known = ", ".join(channels.names()) or "none; set NOTICE_CHANNEL_OPS, for example"
        raise CommandError(f"No channel {channel!r} is configured; there are: {known}.", returncode=REFUSED)
    wrong = send_test(channel, by(), timezone.now)
    if given["json"]:
        put_json(out, {"channel": channel, "delivered": not wrong, "error": wrong})
    if wrong:
        raise CommandError(f"{channel}: not delivered. {wrong}", returncode=LOST)
    if not given["json"]:
        out.write(f"{channel}: delivered.")
