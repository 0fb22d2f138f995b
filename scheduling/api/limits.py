"""How often one may ask: counted per token or user in Django's cache, in windows of a minute."""

from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone
from ninja.throttling import BaseThrottle

from scheduling.api.problems import Problem
from scheduling.conf import options

WINDOW = 60  # seconds
FAILURES = 60  # wrong tokens from one address in a window


class Limit(BaseThrottle):
    """API_RATE requests a minute for each token, or for each user who logged in."""

    def allow_request(self, request: HttpRequest) -> bool:
        """True, or a Problem with the time to wait."""
        if options().api_rate:
            spend(getattr(request, "spender", f"user-{request.user.pk}"), options().api_rate)
        return True


def spend(who: str, allowed: int) -> None:
    """Count one request of `who`; raises a Problem (429, RFC 6585) once `allowed` are spent in this minute."""
    seconds = int(timezone.now().timestamp())
    key = f"rota-rate:{who}:{seconds // WINDOW}"
    cache.add(key, 0, 2 * WINDOW)
    try:
        spent = cache.incr(key)
    except ValueError:  # it expired between the two
        return
    if spent > allowed:
        wait = WINDOW - seconds % WINDOW
        detail = f"More than {allowed} requests within a minute: wait {wait} s, or have API_RATE raised."
        raise Problem(429, "Too many requests.", detail, kind="too-many", headers={"Retry-After": str(wait)})
