"""update_user: brings the history of one user up to date, in rows and files."""

import time
from contextlib import closing
from dataclasses import asdict

from django.utils import timezone

from scheduling.context import Context
from tasks.exceptions import AbortRun
from tasks.http import Deadline
from tasks.recording import Entry, parts, record
from tasks.watch_history import files, history
from tasks.watch_history.conf import Options, usable_options
from tasks.watch_history.enrich import enrich
from tasks.watch_history.merge import Merged, merge, rate, remove_others
from tasks.watch_history.models import Watcher
from tasks.watch_history.trakt import Trakt, name_of, parse_play


def update_all(context: Context) -> None:
    """Update every user; one that fails stops no other, and is named at the end. Raises PartsFailed."""
    options = usable_options()
    Watcher.objects.bulk_create([Watcher(name=user) for user in options.users], ignore_conflicts=True)
    with parts() as part:
        for user in options.users:
            with part(user), record(context, user) as entry:
                update_user(user, entry)


def update_user(
    user: str, entry: Entry, *, force: bool = False, limit: int | None = None, with_enrichment: bool = True
) -> None:
    """Fetch, merge, enrich, write; within `USER_TIMEOUT` seconds.

    The primary user is always asked for; another one only if his data is older than `CACHE_SECONDS`.
    `force` asks, and fetches all, in any case. `limit` fetches the newest plays only and removes nothing.
    """
    options = usable_options()
    if user not in options.users:
        raise AbortRun(f"{user[:60]!r} is neither PRIMARY_USER nor among ADDITIONAL_USERS.")
    now, began, deadline = timezone.now(), time.monotonic(), Deadline(options.user_timeout)
    watcher, _ = Watcher.objects.get_or_create(name=user)
    if not force and user != options.primary_user and watcher.is_fresh(now, options.cache_time):
        entry.log(f"Skipped: the data of {watcher.synced_at:%H:%M} UTC is younger than {options.cache_time}.")
        entry.result = {"skipped": True}
        return
    with closing(Trakt(options, deadline)) as trakt:
        merged = _pull(trakt, watcher, entry, user == options.primary_user, force, limit)
    _write_files(watcher, options, began)
    enriched = enrich(watcher, options, entry, deadline, now) if with_enrichment else 0
    if enriched:
        _write_files(watcher, options, began)
    if limit is None:
        watcher.synced_at = now
        watcher.save(update_fields=["synced_at", "pulled_at", "activities"])
    entry.result = {**asdict(merged), "enriched": enriched}


def _pull(trakt: Trakt, watcher: Watcher, entry: Entry, is_primary: bool, force: bool, limit: int | None) -> Merged:
    """Take over what is new. The activities are those of the token's owner, who is the primary user."""
    activities = trakt.activities() if is_primary and trakt.is_authorised else {}
    merged, now = Merged(), timezone.now()
    wanted = force or limit is not None or history.is_pull_due(watcher.pulled_at, now)
    wanted = wanted or history.changed(history.WATCHED, watcher.activities, activities)
    is_complete = not wanted or _pull_history(trakt, watcher, entry, merged, limit)
    if wanted and is_complete:
        watcher.pulled_at = now
    if is_primary and (wanted or history.changed(history.RATED, watcher.activities, activities)):
        merged.rated = rate(watcher, trakt.ratings(watcher.name))
    entry.log(
        f"{merged.new} new, {merged.changed} changed, {merged.removed} removed, {merged.rated} rated"
        if wanted
        else f"Nothing was watched since the last update; {merged.rated} ratings changed"
    )
    watcher.activities = activities if is_complete else {}  # what was not understood is fetched again
    return merged


def _pull_history(trakt: Trakt, watcher: Watcher, entry: Entry, merged: Merged, limit: int | None) -> bool:
    """Merge page after page; what came before a crash stays. True if all that Trakt has was understood."""
    history_ids: list[int] = []
    announced = 0
    for page in trakt.history(watcher.name, limit):
        if not announced:
            entry.expect(min(page.item_count, limit or page.item_count))
        announced = page.item_count
        plays = []
        for raw in page.items[: limit and limit - len(history_ids)]:
            with entry.item(name_of(raw)):
                plays.append(parse_play(raw))
        merge(watcher, plays, merged)
        history_ids += [play.history_id for play in plays]
        if len(history_ids) == limit:
            return False
    if not history_ids or len(history_ids) != announced:
        return announced == 0
    merged.removed = remove_others(watcher, set(history_ids))
    return True


def _write_files(watcher: Watcher, options: Options, began: float) -> None:
    """The history, and what Trakt sent, as files; the newest first. `began` is in monotonic seconds."""
    plays = watcher.plays.select_related("title")
    head = {"generated_at": f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}", "count": plays.count()}
    timing = {"generation_time": round(time.monotonic() - began, 3)}
    items = map(history.output, plays.defer("raw").iterator())
    files.write_items(files.history_file(options, watcher.name), head | timing, items)
    raw = plays.values_list("raw", flat=True).iterator()
    files.write_items(files.raw_file(options, watcher.name), head, raw)
