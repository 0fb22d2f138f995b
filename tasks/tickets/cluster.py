"""The stage `cluster`: new issues join what they are like; a full run groups all of them anew, under lasting ids.

A full run weighs every text, groups them (`vectors.py`), finds out which group is which old cluster, and writes all
of that in one transaction. Between full runs an issue joins the nearest cluster, if it is near enough, or waits.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet
from django.utils import timezone

from tasks.exceptions import NotConfigured
from tasks.recording import Entry
from tasks.tickets.matching import successors
from tasks.tickets.models import Cluster, Grouping, Issue
from tasks.tickets.naming import name_of
from tasks.tickets.space import Nearest, Space, Vector, centroid, most_central, top_terms
from tasks.tickets.words import LONGEST, terms

INSTALL = "pip install 'scikit-learn>=1.9'"
NEAR_ENOUGH = 0.5  # cosine from which a new issue joins a cluster
MOST_ISSUES = 20_000  # a full run looks at the latest; older ones keep their cluster
MANY_NEW = 200  # new issues that wait, from which on a full run is due before the night
AT_ONCE = 500  # rows in one statement
PER_STATEMENT = 100  # clusters, which are bigger
SHOWN_TERMS = 8

type Group = Callable[[Sequence[Mapping[str, float]], Sequence[int]], list[int]]


def cluster_issues(entry: Entry, *, now: datetime, full: bool) -> None:
    """Give issues their clusters; a full run groups all of them anew. Raises NotConfigured without scikit-learn."""
    entry.result = group_all(entry, now) if full else assign_new(entry)
    tally()


def is_full_run_due(now: datetime) -> bool:
    """Whether none was made today (on the clock of TIME_ZONE), or many issues wait."""
    last = Grouping.objects.defer("weights").filter(pk=Grouping.ONLY).first()
    if last is None:
        return True
    zone = timezone.get_default_timezone()
    if last.made_at.astimezone(zone).date() != now.astimezone(zone).date():
        return True
    return counted().filter(cluster=None, pk__gt=last.last_issue).count() >= MANY_NEW


def counted() -> QuerySet[Issue]:
    """The issues that count: those of tickets that are there."""
    return Issue.objects.filter(ticket__is_deleted=False)


def locked_grouping() -> Grouping | None:
    """The last full run, its row held until the end of the transaction: one at a time writes what depends on it."""
    return Grouping.objects.select_for_update().defer("weights").filter(pk=Grouping.ONLY).first()


def assign_new(entry: Entry) -> dict[str, Any]:
    """Let issues without a cluster join the nearest, if it is near enough."""
    last = Grouping.objects.filter(pk=Grouping.ONLY).first()
    waiting = counted().filter(cluster=None).order_by("pk")
    if last is None:
        return {"assigned": 0, "waiting": waiting.count()}
    space = Space(last.weights)
    nearest = Nearest(dict(Cluster.objects.filter(is_gone=False).values_list("pk", "centroid")))
    latest = list(waiting.reverse().values_list("pk", "title", "summary")[:MOST_ISSUES])
    entry.expect(len(latest))
    chosen: defaultdict[int, list[int]] = defaultdict(list)
    for pk, title, summary in reversed(latest):
        with entry.item(title):
            if (key := near(nearest, space.read(_text(title, summary)))) is not None:
                chosen[key].append(pk)
    assigned = _join(chosen, last)
    return {"assigned": assigned, "waiting": len(latest) - assigned}


def near(nearest: Nearest, vector: Vector) -> int | None:
    """The cluster that is near enough to join."""
    found = nearest.to(vector)
    return found[0] if found and found[1] >= NEAR_ENOUGH else None


@transaction.atomic
def _join(chosen: Mapping[int, Sequence[int]], seen: Grouping) -> int:
    """Write what was chosen, unless a full run has changed the clusters meanwhile; the next run looks again then."""
    current = locked_grouping()
    if current is None or current.made_at != seen.made_at:
        return 0
    rows = Issue.objects.filter(cluster=None)
    return sum(
        rows.filter(pk__in=part).update(cluster=key) for key, members in chosen.items() for part in parts(members)
    )


@dataclass(slots=True)
class Copies:
    """Issues whose texts say the same: one vector."""

    title: str
    vector: Vector
    members: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Found:
    """A group of issues, before it is known which cluster it is."""

    copies: list[Copies]
    middle: Vector = field(init=False)

    def __post_init__(self) -> None:
        self.middle = centroid((each.vector, len(each.members)) for each in self.copies)

    @property
    def members(self) -> list[int]:
        return [pk for each in self.copies for pk in each.members]

    @property
    def terms(self) -> list[str]:
        return top_terms(self.middle, SHOWN_TERMS)

    @property
    def name(self) -> str:
        return name_of(self.copies[most_central(self.middle, [each.vector for each in self.copies])].title, self.terms)


def group_all(entry: Entry, now: datetime) -> dict[str, Any]:
    """Group all issues anew."""
    group = _group()
    latest = list(counted().order_by("-pk").values_list("pk", "title", "summary", "cluster")[:MOST_ISSUES])
    latest.reverse()
    entry.expect(len(latest))
    space, copies = fold([(pk, title, _text(title, summary)) for pk, title, summary, _ in latest])
    labels = group([each.vector for each in copies], [len(each.members) for each in copies])
    found = gathered(copies, labels)
    places = _placed(entry, copies, found)
    before = {pk: cluster for pk, _, _, cluster in latest}
    last = latest[-1][0] if latest else 0
    told = {"issues": len(latest), "clusters": len(found), "alone": len(latest) - len(places)}
    with transaction.atomic():
        locked_grouping()
        ids = _write_clusters(found, places, before, now)
        _write_members(before, {pk: ids[place] for pk, place in places.items()})
        made = {"made_at": now, "is_counted": False, "last_issue": last, "weights": dict(space.weights)}
        Grouping.objects.update_or_create(pk=Grouping.ONLY, defaults={**made, **told})
    return {**told, "texts": len(copies)}


def fold(texts: Sequence[tuple[int, str, str]]) -> tuple[Space, list[Copies]]:
    """How much each term weighs, and one vector for all issues that say the same; those that say nothing are left out.

    `texts` are ids in their order, titles, and whole texts.
    """
    by_terms: dict[frozenset[tuple[str, int]], tuple[str, Counter[str], list[int]]] = {}
    for pk, title, text in texts:
        found = terms(text)
        by_terms.setdefault(frozenset(found.items()), (title, found, []))[2].append(pk)
    space = Space.of((found, len(members)) for _, found, members in by_terms.values())
    copies = [Copies(title, space.vector(found), members) for title, found, members in by_terms.values()]
    return space, [each for each in copies if each.vector]


def gathered(copies: Sequence[Copies], labels: Sequence[int]) -> list[Found]:
    """The groups, in the order of their earliest issue."""
    groups: dict[int, list[Copies]] = {}
    for each, label in zip(copies, labels, strict=True):
        if label >= 0:
            groups.setdefault(label, []).append(each)
    return [Found(members) for members in groups.values()]


def _group() -> Group:
    """From scikit-learn, which is loaded now. Raises NotConfigured where it is not installed."""
    try:
        found: Group = import_module("tasks.tickets.vectors").group
    except ModuleNotFoundError as error:
        raise NotConfigured(f"Clusters need scikit-learn ({error.name} is missing): {INSTALL}") from error
    return found


def _placed(entry: Entry, copies: Sequence[Copies], found: Sequence[Found]) -> dict[int, int]:
    """The group of each issue, by its place; one in none joins the nearest that is near enough, as a new one would."""
    places = {pk: place for place, group in enumerate(found) for pk in group.members}
    nearest = Nearest({place: group.middle for place, group in enumerate(found)})
    for each in copies:
        for pk in each.members:
            with entry.item(each.title):
                if pk not in places and (place := near(nearest, each.vector)) is not None:
                    places[pk] = place
    return places


def _write_clusters(
    found: Sequence[Found], places: Mapping[int, int], before: Mapping[int, int | None], now: datetime
) -> list[int]:
    """The id of each group: of the cluster that it goes on from, or a new one; clusters without any group are gone."""
    standing = Cluster.objects.filter(is_gone=False).defer("centroid").in_bulk()
    kept = successors({pk: key for pk, key in before.items() if key is not None and key in standing}, places)
    clusters = [
        standing[kept[place]] if place in kept else Cluster(name=group.name, created_at=now)
        for place, group in enumerate(found)
    ]
    for cluster, group in zip(clusters, found, strict=True):
        cluster.terms, cluster.centroid = group.terms, group.middle
        if not cluster.is_renamed and cluster.name != group.name:  # asked again, since staff may rename it meanwhile
            Cluster.objects.filter(pk=cluster.pk, is_renamed=False).update(name=group.name)
    Cluster.objects.bulk_create([each for each in clusters if each.pk is None], batch_size=PER_STATEMENT)
    Cluster.objects.bulk_update(
        [clusters[place] for place in sorted(kept)], ["terms", "centroid"], batch_size=PER_STATEMENT
    )
    gone = standing.keys() - set(kept.values())
    Cluster.objects.filter(pk__in=gone).update(is_gone=True, is_rising=False, is_new=False, score=0, ratio=0)
    return [cluster.pk for cluster in clusters]


def _write_members(before: Mapping[int, int | None], after: Mapping[int, int]) -> None:
    """Only what has changed."""
    moved: defaultdict[int | None, list[int]] = defaultdict(list)
    for pk, cluster in before.items():
        if after.get(pk) != cluster:
            moved[after.get(pk)].append(pk)
    for key, members in moved.items():
        for part in parts(members):
            Issue.objects.filter(pk__in=part).update(cluster=key)


def tally() -> None:
    """How many issues each cluster has, and from when to when."""
    grouped = counted().exclude(cluster=None).order_by().values_list("cluster")
    found = grouped.annotate(size=Count("pk"), first_at=Min("opened_at"), last_at=Max("opened_at"))
    told = {cluster: (size, first, last) for cluster, size, first, last in found}
    changed = []
    for cluster in Cluster.objects.only("size", "first_at", "last_at"):
        new = told.get(cluster.pk, (0, None, None))
        if new != (cluster.size, cluster.first_at, cluster.last_at):
            cluster.size, cluster.first_at, cluster.last_at = new
            changed.append(cluster)
    Cluster.objects.bulk_update(changed, ["size", "first_at", "last_at"], batch_size=AT_ONCE)


def _text(title: str, summary: str) -> str:
    """What is weighed of an issue: its title twice, since it says what goes wrong."""
    return f"{title}\n{title}\n{summary[:LONGEST]}"


def parts[T](rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
