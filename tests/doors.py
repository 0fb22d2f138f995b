"""What one may do, by which permissions and doors: the form of the table, and the part of it of the workloads."""

from typing import Any, NamedTuple

from django.contrib.auth.models import User

from scheduling.models import Scope
from tasks.audiobooks.models import Author, Book, Download, Edition, Gap, Genre, Rank, Series
from tasks.classifieds.models import (
    Category,
    Delivery,
    ExchangeRate,
    Filters,
    Listing,
    Match,
    Rule,
    StrangePage,
)
from tasks.social.models import Account, Business, Member, Post, RefusedMetric, Sync
from tasks.social.schedule import give, plan
from tasks.tickets.models import Batch, Cluster, Issue, Ticket, Usage
from tasks.watch_history.models import Play, Title, Watcher
from tests.factories import NOON

READ, RUN, WRITE = Scope


class Verb(NamedTuple):
    """What one may do with all `permissions`, of which the last is the verb's own; a token needs `scope`."""

    scope: Scope
    permissions: tuple[str, ...]
    rest: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()


def look(model: str, *rest: str, app: str = "scheduling", extra: tuple[str, ...] = ()) -> Verb:
    """Lists and pages of a model."""
    pages = tuple(f"{app}_{model}_{page}" for page in ("changelist", "change", "history"))
    return Verb(READ, (f"{app}.view_{model}",), rest, (*pages, *extra))


def _own(app: str, model: str, *deeds: str) -> tuple[Verb, ...]:
    """Adding and deleting, where people may."""
    looking = (f"{app}.view_{model}",) if "delete" in deeds else ()
    return tuple(
        Verb(WRITE, (*(looking if deed == "delete" else ()), f"{app}.{deed}_{model}"), (), (f"{app}_{model}_{deed}",))
        for deed in deeds
    )


TASKS, V1 = "/api/tasks", "/api/v1"
ANALYTICS, OWN_SCHEDULE = f"{V1}/analytics", f"{V1}/scheduler/business/{{business_id}}/schedule"
VERBS = (
    # Watch history
    look("watcher", app="watch_history", extra=("watch_history_posters",)),
    Verb(RUN, ("watch_history.view_watcher", "scheduling.run_job"), (), ("watch_history_refresh",)),
    look("title", app="watch_history", extra=("watch_history_title_poster",)),
    look("play", app="watch_history"),
    # Audiobooks
    *(look(model, app="audiobooks") for model in ("author", "series", "edition", "rank", "gap", "genre")),
    look("book", app="audiobooks", extra=("audiobooks_book_cover",)),
    look("download", app="audiobooks", extra=("audiobooks_download_live", "audiobooks_download_live_one")),
    Verb(READ, ("audiobooks.view_genre", "audiobooks.view_rank"), (), ("audiobooks_genre_top",)),
    Verb(WRITE, ("audiobooks.view_gap", "audiobooks.change_gap"), (), ("audiobooks_gap_ignore", "audiobooks_gap_want")),
    Verb(
        WRITE,
        ("audiobooks.view_gap", "audiobooks.change_gap", "audiobooks.add_download"),
        (),
        ("audiobooks_gap_queue",),
    ),
    Verb(WRITE, ("audiobooks.view_book", "audiobooks.add_download"), (), ("audiobooks_edition_download",)),
    Verb(
        WRITE,
        ("audiobooks.view_download", "audiobooks.change_download"),
        (),
        ("audiobooks_download_again", "audiobooks_download_off"),
    ),
    Verb(RUN, ("audiobooks.view_download", "scheduling.run_job"), (), ("audiobooks_download_run",)),
    *_own("audiobooks", "genre", "add", "delete"),
    # Classifieds
    *(look(model, app="classifieds") for model in ("category", "listing", "strangepage", "rule", "filters")),
    *(look(model, app="classifieds") for model in ("exchangerate", "match", "delivery")),
    Verb(WRITE, ("classifieds.add_rule",), (), ("classifieds_rule_add", "classifieds_rule_preview")),
    *_own("classifieds", "rule", "delete"),
    *_own("classifieds", "exchangerate", "add", "delete"),
    *_own("classifieds", "strangepage", "delete"),
    # Support tickets
    *(look(model, app="tickets") for model in ("ticket", "issue", "batch", "usage")),
    look("cluster", app="tickets", extra=("tickets_cluster_trends",)),
    Verb(READ, ("tickets.view_cluster", "scheduling.view_execution"), (), ("tickets_cluster_pipeline",)),
    Verb(RUN, ("tickets.view_cluster", "scheduling.run_job"), (), ("tickets_cluster_run",)),
    Verb(RUN, ("tickets.view_cluster", "scheduling.cancel_execution"), (), ("tickets_cluster_stop",)),
    Verb(READ, ("scheduling.view_execution",), (f"GET {TASKS}/worker/status",)),
    Verb(
        RUN,
        ("scheduling.view_job", "scheduling.run_job"),
        (f"POST {TASKS}/sync", f"POST {TASKS}/analyze", f"POST {TASKS}/pipeline"),
    ),
    Verb(RUN, ("scheduling.view_execution", "scheduling.cancel_execution"), (f"POST {TASKS}/cancel",)),
    # Social analytics
    look("business", f"GET {ANALYTICS}/businesses", f"GET {OWN_SCHEDULE}", app="social"),
    look("account", app="social"),
    look("post", f"GET {ANALYTICS}/series", app="social"),
    look("sync", f"GET {ANALYTICS}/refresh", app="social"),
    look("refusedmetric", app="social"),
    look("member", app="social"),
    *_own("social", "business", "add", "delete"),
    *_own("social", "account", "add", "delete"),
    *_own("social", "member", "add"),
    *_own("social", "refusedmetric", "delete"),
    Verb(RUN, ("social.view_business", "social.sync_business"), (), ("social_business_sync",)),
    Verb(
        RUN,
        ("social.view_business", "social.sync_business", "scheduling.run_job"),
        (f"POST {V1}/scheduler/trigger-sync",),  # of all, since none is named
        ("social_business_sync_all",),
    ),
    Verb(
        WRITE,
        ("social.view_business", "social.schedule_business"),
        (f"POST {OWN_SCHEDULE}", f"DELETE {OWN_SCHEDULE}"),
        ("social_business_schedule", "social_business_unschedule", "social_business_preview"),
    ),
    Verb(READ, ("social.view_business", "scheduling.view_job"), (), ("social_business_job",)),
)
NOBODYS = {  # of what only tasks make
    *(
        f"{model}_{verb}"
        for model in (
            *("tasks_taskrecord", "watch_history_watcher", "watch_history_title", "watch_history_play"),
            *("classifieds_category", "classifieds_listing", "classifieds_filters", "classifieds_match"),
            *("classifieds_delivery", "tickets_ticket", "tickets_issue", "tickets_cluster", "tickets_batch"),
            "tickets_usage",
        )
        for verb in ("add", "delete")
    ),
    *(
        f"audiobooks_{model}_{verb}"
        for model in ("book", "author", "series", "edition", "rank", "gap", "download")
        for verb in ("add", "delete")
    ),
    *("classifieds_strangepage_add", "social_refusedmetric_add", "social_member_delete"),
    *(f"social_{model}_{verb}" for model in ("post", "sync") for verb in ("add", "delete")),
}
POSTS = {
    *("watch_history_refresh", "tickets_cluster_run", "tickets_cluster_stop", "classifieds_rule_preview"),
    *("audiobooks_gap_ignore", "audiobooks_gap_want", "audiobooks_gap_queue", "audiobooks_edition_download"),
    *("audiobooks_download_again", "audiobooks_download_off", "audiobooks_download_run"),
}


def rows() -> dict[str, Any]:
    """A row of every model of the workloads, by its name."""
    return _of_watch_history() | _of_audiobooks() | _of_classifieds() | _of_social() | _of_tickets()


def _of_watch_history() -> dict[str, Any]:
    watcher = Watcher.objects.create(name="ada")
    title = Title.objects.create(kind="movie", trakt_id=1, title="Metropolis", poster_path="/a.jpg")
    seen = {"watched_at": NOON, "action": "watch", "raw": {}}
    play = Play.objects.create(watcher=watcher, history_id=1, title=title, item_id=1, **seen)
    return {"watcher": watcher, "title": title, "play": play}


def _of_audiobooks() -> dict[str, Any]:
    series, author = Series.objects.create(key="OL1L", name="Salt Coast"), Author.objects.create(name="Ada", key="ada")
    book = Book.objects.create(title="Low Water", key="low water", series=series)
    edition = Edition.objects.create(book=book, source_id="1", title="Low Water", content_hash="", seen_at=NOON)
    genre = Genre.objects.create(name="Sea Tales")
    return {
        **{"book": book, "author": author, "series": series, "edition": edition, "genre": genre},
        "rank": Rank.objects.create(genre=genre, day=NOON.date(), place=1, edition=edition, title="Low Water"),
        "gap": Gap.objects.create(series=series, work_key="OL1W", title="High Water", checked_at=NOON),
        "download": Download.objects.create(edition=edition, why="Asked for by ada", queued_at=NOON),
    }


def _of_classifieds() -> dict[str, Any]:
    category, _ = Category.objects.get_or_create(slug="dacs.8", defaults={"name": "DACs"})
    told = {"path": "/classifieds/a.1/", "title": "A DAC", "content_hash": "", "first_seen_at": NOON}
    listing = Listing.objects.create(listing_id=1, category=category, last_seen_at=NOON, **told)
    rule = Rule.objects.create(name="DACs", expression="price < 900")
    match = Match.objects.create(rule=rule, listing=listing, occasion="new", matched_at=NOON)
    return {
        **{"category": category, "listing": listing, "rule": rule, "match": match},
        "strangepage": StrangePage.objects.create(url="/", status=403, why="Shut out", body="", seen_at=NOON),
        "filters": Filters.objects.get_or_create(pk=1)[0],
        "exchangerate": ExchangeRate.objects.create(currency="EUR", in_usd="1.1", as_of=NOON.date()),
        "delivery": Delivery.objects.create(match=match, channel="discord"),
    }


def _of_social() -> dict[str, Any]:
    business = Business.objects.create(name="Sea Breeze")
    give(business, plan(), by="test", now=NOON)
    account = Account.objects.create(business=business, platform="x", external_id="1", access_token="secret")
    refused = {"platform": "x", "version": "2", "kind": "post", "name": "joy", "refused_at": NOON}
    return {
        **{"business": business, "account": account},
        "post": Post.objects.create(account=account, platform_post_id="1", seen_at=NOON),
        "sync": Sync.objects.create(business=business, run="1", started_at=NOON),
        "refusedmetric": RefusedMetric.objects.create(**refused),
        "member": Member.objects.create(user=User.objects.create_user("one-of-a-business")),
    }


def _of_tickets() -> dict[str, Any]:
    moments = {"opened_at": NOON, "changed_at": NOON, "synced_at": NOON}
    ticket = Ticket.objects.create(ticket_id=1, subject="Export fails", generated_at=1, content_hash="", **moments)
    cluster = Cluster.objects.create(name="Exports", created_at=NOON)
    found = {"category": "export", "severity": "low", "summary": "", "quote": "", "method": "local"}
    issue = Issue.objects.create(
        ticket=ticket, cluster=cluster, title="Export fails", opened_at=NOON, found_at=NOON, **found
    )
    return {
        **{"ticket": ticket, "cluster": cluster, "issue": issue},
        "batch": Batch.objects.create(batch_id="b", created_at=NOON, size=1),
        "usage": Usage.objects.create(day=NOON.date()),
    }
