"""Adds to titles what TMDB knows: cast, runtime, genres, a poster; its failures cost no history."""

from contextlib import closing
from datetime import datetime

from scheduling.exceptions import RetryLater
from tasks.exceptions import AbortRun, UpstreamError
from tasks.files import replacing
from tasks.http import Deadline
from tasks.recording import Entry
from tasks.watch_history.conf import Options
from tasks.watch_history.files import poster_file
from tasks.watch_history.models import Title, Watcher
from tasks.watch_history.tmdb import Tmdb


class TmdbOut(AbortRun):
    """TMDB fails for all titles alike."""


def enrich(watcher: Watcher, options: Options, entry: Entry, deadline: Deadline, now: datetime) -> int:
    """Ask TMDB for the titles of `watcher` that are new or were asked for long ago; says how many were done.

    What cannot be done now is left for the next run.
    """
    if not options.tmdb_api_token:
        entry.log("No posters and no cast: TMDB_API_TOKEN is not set.")
        return 0
    titles = list(Title.objects.seen_by(watcher).to_enrich(before=now - options.enrichment_time))
    entry.expect(len(titles))
    done = 0
    with closing(Tmdb(options, deadline)) as tmdb:
        try:
            for title in titles:
                with entry.item(f"TMDB: {title}"):
                    _enrich(title, tmdb, options, now)
                    done += 1
        except (AbortRun, RetryLater) as stop:
            entry.log(f"{len(titles) - done} titles are left for the next run: {stop}")
    return done


def _enrich(title: Title, tmdb: Tmdb, options: Options, now: datetime) -> None:
    try:
        details = title.tmdb_id and tmdb.details(title.kind, title.tmdb_id)
        if details and details.poster_path:
            _keep_poster(details.poster_path, tmdb, options)
    except UpstreamError as error:
        if error.retryable or error.status == 401:
            raise TmdbOut(str(error)) from error
        raise
    if details:
        title.cast, title.poster_path = details.cast, details.poster_path
        title.genres = details.genres or title.genres
        title.runtime = details.runtime or title.runtime
    title.enriched_at = now
    title.save(update_fields=["cast", "poster_path", "genres", "runtime", "enriched_at"])


def _keep_poster(path: str, tmdb: Tmdb, options: Options) -> None:
    file = poster_file(options, path)
    if not file.exists():
        with replacing(file) as picture:
            picture.write(tmdb.poster(path))
