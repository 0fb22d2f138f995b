"""The doors through which scheduling comes in."""

from datetime import timedelta
from typing import Any

from django.tasks import task

from scheduling.registry import scheduled
from tasks.recording import record
from tasks.watch_history.conf import options
from tasks.watch_history.update import update_all, update_user


@scheduled(
    "interval",
    hours=1,
    id="update_watch_history",
    name="Update watch history",
    description="Fetches from Trakt what all users have watched, and posters and cast from TMDB.",
    tags=["trakt"],
    run_at_startup=True,
    timeout=max(timedelta(hours=1), options().time_for(len(options().users))),
    max_attempts=3,
    backoff=timedelta(minutes=1),
    idempotent=True,
    needs=lambda: options().missing(),
)
@task(takes_context=True)
def update_watch_history(context: Any) -> None:
    """Every user: the primary one always, the others when their data is older than `CACHE_SECONDS`."""
    update_all(context)


@task(takes_context=True, timeout=options().time_for(1), max_attempts=3, idempotent=True)
def update_user_history(context: Any, user: str, force: bool = False) -> None:
    """One user, as *Refresh* in the admin asks; `force` also when his data is young."""
    with record(context, user) as entry:
        update_user(user, entry, force=force)
