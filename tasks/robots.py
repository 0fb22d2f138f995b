"""Robots: what a site lets programs fetch, and how slowly, by its robots.txt (RFC 9309)."""

from datetime import UTC, datetime, timedelta

from protego import Protego

from tasks.exceptions import UpstreamError
from tasks.http import Answer, Client
from tasks.models import KeptAnswer

PATH = "/robots.txt"
KEPT_FOR = timedelta(hours=24)  # RFC 9309, 2.4: not longer
REFUSED = {*range(400, 500)} - {429}  # the site has no rules that we may read: all is allowed (2.3.1.3)
NOTHING_ALLOWED = "User-agent: *\nDisallow: /\n"


class Robots:
    """The rules of the site behind `client` for the program that names itself `user_agent`."""

    def __init__(self, client: Client, user_agent: str) -> None:
        self._agent = user_agent
        self._rules = Protego.parse(rules_of(client, datetime.now(UTC)))

    def allows(self, path: str) -> bool:
        return bool(self._rules.can_fetch(path, self._agent))

    @property
    def delay(self) -> float:
        """Seconds that the site wants between two requests; 0 if it does not say."""
        return float(self._rules.crawl_delay(self._agent) or 0)


def rules_of(client: Client, now: datetime) -> str:
    """The site's robots.txt, at most a day old. Where it cannot be had nothing is allowed (2.3.1.4)."""
    address = f"{client.url}{PATH}"
    kept = KeptAnswer.objects.fresh(client.service, address, now - KEPT_FOR)
    if kept is not None:
        return kept.body
    try:
        body = client.get(PATH, _text, expect=REFUSED)
    except UpstreamError:
        return NOTHING_ALLOWED
    KeptAnswer.objects.keep(client.service, address, {}, now, body=body)
    return body


def _text(answer: Answer) -> str:
    if answer.status in REFUSED:
        return ""
    return answer.body.decode(errors="replace").replace("\x00", "")
