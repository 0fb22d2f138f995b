"""How often one may ask: counted in Django's cache, in windows of a minute."""

import logging

from django.core.cache import cache
from django.utils import timezone

from scheduling.api.problems import Problem

logger = logging.getLogger(__name__)

WINDOW = 60  # seconds
FAILURES = 60  # wrong tokens from one address in a window


def spend(who: str, allowed: int) -> None:
    """Count one request of `who`; raises a Problem (429, RFC 6585) once `allowed` are spent in this minute.

    0 is no limit. Windows begin on the minute, so that twice as many may pass around the end of one.
    """
    if not allowed:
        return
    seconds = int(timezone.now().timestamp())
    if _count(f"rota-rate:{who}:{seconds // WINDOW}") > allowed:
        wait = WINDOW - seconds % WINDOW
        detail = f"More than {allowed} requests within a minute: wait {wait} s."
        raise Problem(429, "Too many requests.", detail, kind="too-many", headers={"Retry-After": str(wait)})


def _count(key: str) -> int:
    """How often `key` was counted with this time; 0 where the cache does not answer.

    The limit spares the server a program that has gone wild; without a cache, work goes on without it.
    """
    try:
        cache.add(key, 0, 2 * WINDOW)
        return int(cache.incr(key))
    except ValueError:  # it expired between the two
        return 0
    except Exception as error:  # each kind of cache has its own
        logger.warning("Requests are not counted: the cache of CACHE_URL does not answer (%s).", type(error).__name__)
        return 0
