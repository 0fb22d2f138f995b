"""One scan at a time: who reads the site, and until when nobody else does. Each write is compare, set, count."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db.models import Q

from tasks.classifieds.models import ScanClaim
from tasks.exceptions import AbortRun
from tasks.http import CONNECT_TIMEOUT, READ_TIMEOUT

SHORTEST_LEASE = timedelta(seconds=60)  # a scan that was killed delays the next one by this


class TakenOver(AbortRun):
    """Another scan goes on in the place of this one, which was silent for too long."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that was granted."""

    owner: UUID

    def renew(self, longer: timedelta, now: datetime) -> None:
        """Keep all others away; in a transaction, until its end. Raises TakenOver."""
        if not ScanClaim.objects.filter(owner=self.owner).update(until=now + longer):
            raise TakenOver

    def release(self, now: datetime) -> None:
        ScanClaim.objects.filter(owner=self.owner).update(until=now)


def lease(delay: float) -> timedelta:
    """The time of a page, with `delay` seconds before it."""
    return max(SHORTEST_LEASE, timedelta(seconds=2 * delay + CONNECT_TIMEOUT + READ_TIMEOUT))


def take(run: str, longer: timedelta, now: datetime) -> Claim | None:
    """The claim on the site; None while another scan has it, unless that was an earlier attempt of the same `run`."""
    owner = uuid4()
    fields = {"owner": owner, "run": run, "began_at": now, "until": now + longer}
    free = Q(until__lte=now) | (Q(run=run) if run else Q())
    if ScanClaim.objects.filter(free, pk=1).update(**fields):
        return Claim(owner)
    _, is_mine = ScanClaim.objects.get_or_create(pk=1, defaults=fields)
    return Claim(owner) if is_mine else None


def held_since() -> datetime:
    """When the scan began that has the claim."""
    return ScanClaim.objects.get(pk=1).began_at
