"""CACHE_URL as Django's CACHES entry."""

from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from project.environment import refuse


def cache(url: str) -> dict[str, Any]:
    """The cache of `url`; it may hold a password, so no message repeats it."""
    try:
        found: dict[str, Any] = Env.cache_url_config(url)
    except (ValueError, ImproperlyConfigured):
        refuse("CACHE_URL", "must look like locmemcache:// or rediscache://HOST:6379/1")
    if "redis" in str(found["BACKEND"]).lower() and find_spec("redis") is None:
        refuse("CACHE_URL", "names a Redis, which takes one more package: pip install redis")
    return found
