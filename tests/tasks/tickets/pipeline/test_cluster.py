"""Clusters: what is alike comes together, ids and names last, and new issues join what is there."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.exceptions import NotConfigured
from tasks.recording import Entry, record
from tasks.tickets import cluster as stage
from tasks.tickets import vectors
from tasks.tickets.cluster import cluster_issues, fold, is_full_run_due
from tasks.tickets.models import Cluster, Grouping, Issue, Ticket
from tests.tasks.tickets.pipeline.conftest import NOW, make_issue, make_ticket

EXPORT = ("Export is empty", "The exported CSV file has no rows")
LOGIN = ("Login loops", "After the password the login page comes again")
BILLING = ("Invoice has wrong VAT", "The invoice shows the VAT rate of another country")


def make_topic(topic: tuple[str, str], count: int) -> list[Issue]:
    """Issues that tell of one thing in slightly other words."""
    title, summary = topic
    more = ("today", "on Monday", "every time", "in the morning", "once again")
    return [make_issue(title, f"{summary} {more[number % 5]}") for number in range(count)]


def run(*, full: bool = True, now: Any = NOW) -> dict[str, Any]:
    with record(None, "test", task_name="tests") as entry:
        cluster_issues(entry, now=now, full=full)
    return dict(entry.result)


def placed() -> dict[int, int | None]:
    return dict(Issue.objects.order_by("pk").values_list("pk", "cluster"))


def cluster_of(issue: Issue) -> int:
    found = placed()[issue.pk]
    assert found is not None
    return found


@pytest.fixture
def topics(db: None) -> list[list[Issue]]:
    return [make_topic(topic, 5) for topic in (EXPORT, LOGIN, BILLING)]


@pytest.mark.django_db
def test_issues_that_are_alike_come_together(topics: list[list[Issue]]) -> None:
    alone = make_issue("Purple elephants", "dance quietly")
    told = run()
    assert told == {"issues": 16, "clusters": 3, "alone": 1, "texts": 15}  # of the one alone no word is known
    found = placed()
    assert [len({found[issue.pk] for issue in topic}) for topic in topics] == [1, 1, 1]
    assert found[alone.pk] is None
    biggest = Cluster.objects.order_by("pk")[0]
    assert biggest.name.startswith("Export is empty")
    assert (biggest.size, biggest.first_at, biggest.last_at) == (5, topics[0][0].opened_at, topics[0][0].opened_at)


@pytest.mark.django_db
def test_nothing_at_all_gives_no_clusters() -> None:
    assert run() == {"issues": 0, "clusters": 0, "alone": 0, "texts": 0}
    assert run(full=False) == {"assigned": 0, "waiting": 0}


@pytest.mark.django_db
def test_copies_of_one_text_are_folded_and_counted(db: None) -> None:
    for number in range(4):
        make_issue(f"Export #{number} is empty", f"Order A-{number}9 for jo{number}@customer.example")
    assert run() == {"issues": 4, "clusters": 1, "alone": 0, "texts": 1}
    assert Cluster.objects.get().size == 4


@pytest.mark.django_db
def test_two_copies_alone_are_no_cluster(topics: list[list[Issue]]) -> None:
    make_issue("Purple elephants dance")
    make_issue("Purple elephants dance")
    assert run()["clusters"] == 3


@pytest.mark.django_db
def test_issues_of_deleted_tickets_do_not_count(topics: list[list[Issue]]) -> None:
    Ticket.objects.filter(issues__in=topics[0]).update(is_deleted=True)
    assert run()["clusters"] == 2


@pytest.mark.django_db
def test_a_second_full_run_changes_nothing_and_neither_does_one_between(topics: list[list[Issue]]) -> None:
    run()
    before, clusters = placed(), list(Cluster.objects.values())
    run()
    run(full=False)
    assert (placed(), list(Cluster.objects.values())) == (before, clusters)


@pytest.mark.django_db
def test_new_issues_join_what_they_are_like_or_wait(topics: list[list[Issue]]) -> None:
    run()
    like = make_issue("Login loops", "The login page comes again after the password")
    other = make_issue("Dark mode flickers", "The background flashes white at night")
    told = run(full=False)
    found = placed()
    assert found[like.pk] == found[topics[1][0].pk]
    assert found[other.pk] is None
    assert told == {"assigned": 1, "waiting": 1}
    assert Cluster.objects.get(pk=cluster_of(like)).size == 6


@pytest.mark.django_db
def test_before_the_first_full_run_new_issues_wait(topics: list[list[Issue]]) -> None:
    assert run(full=False) == {"assigned": 0, "waiting": 15}


@pytest.mark.django_db
def test_ids_last_while_clusters_grow_and_others_come(topics: list[list[Issue]]) -> None:
    run()
    before = placed()
    make_topic(EXPORT, 10)
    make_topic(("Map stays grey", "The tiles of the map do not load"), 5)
    run(now=NOW + timedelta(days=1))
    after = placed()
    assert {pk: after[pk] for pk in before} == before
    assert Cluster.objects.count() == 4


@pytest.mark.django_db
def test_a_cluster_found_no_more_is_gone_and_its_id_is_not_used_again(topics: list[list[Issue]]) -> None:
    run()
    old = cluster_of(topics[0][0])
    Issue.objects.filter(pk__in=[issue.pk for issue in topics[0]]).delete()
    run()
    gone = Cluster.objects.get(pk=old)
    assert gone.is_gone
    assert (gone.size, gone.is_rising) == (0, False)
    make_topic(EXPORT, 5)
    run()
    assert Cluster.objects.filter(is_gone=False).count() == 3
    assert Cluster.objects.get(pk=old).is_gone


@pytest.mark.django_db
def test_a_name_that_staff_gave_is_kept(topics: list[list[Issue]]) -> None:
    run()
    mine = cluster_of(topics[0][0])
    Cluster.objects.filter(pk=mine).update(name="The export thing", is_renamed=True)
    for issue in topics[0] + topics[1]:
        Issue.objects.filter(pk=issue.pk).update(title=f"{issue.title} badly")
    run()
    assert Cluster.objects.get(pk=mine).name == "The export thing"
    assert Cluster.objects.filter(name__contains="badly").count() == 1


@pytest.mark.django_db
def test_a_full_run_is_due_once_a_day_or_when_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_full_run_due(NOW)
    make_issue()
    run()
    assert not is_full_run_due(NOW + timedelta(hours=11))
    assert is_full_run_due(NOW + timedelta(hours=12))  # the next day
    monkeypatch.setattr(stage, "MANY_NEW", 2)
    make_issue("Something else")
    assert not is_full_run_due(NOW)
    make_issue("Another thing")
    assert is_full_run_due(NOW)


@pytest.mark.django_db
def test_after_each_full_run_the_hours_are_to_be_counted_anew(topics: list[list[Issue]]) -> None:
    for full, is_counted in [(True, False), (False, True), (True, False)]:
        run(full=full)
        assert Grouping.objects.get().is_counted is is_counted
        Grouping.objects.update(is_counted=True)


@pytest.mark.django_db
def test_what_was_chosen_before_a_full_run_ended_is_not_written_after_it(
    topics: list[list[Issue]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    late = make_issue("Login loops", "The login page comes again after the password")
    near = stage.near

    def meanwhile(*arguments: Any) -> int | None:
        Grouping.objects.update(made_at=NOW + timedelta(hours=1))
        return near(*arguments)

    monkeypatch.setattr(stage, "near", meanwhile)
    assert run(full=False)["assigned"] == 0
    assert placed()[late.pk] is None


@pytest.mark.django_db
def test_without_scikit_learn_a_full_run_says_what_to_install(
    topics: list[list[Issue]], entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "tasks.tickets.vectors")
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(NotConfigured, match=r"pip install 'scikit-learn>=1.9'"):
        cluster_issues(entry, now=NOW, full=True)
    assert not Cluster.objects.exists()


@pytest.mark.django_db
def test_many_issues_are_grouped_alike(monkeypatch: pytest.MonkeyPatch, topics: list[list[Issue]]) -> None:
    """As above FEW texts, where all distances would not fit."""
    monkeypatch.setattr(vectors, "FEW", 5)
    monkeypatch.setattr(vectors, "DIMENSIONS", 10)
    for topic in (EXPORT, LOGIN, BILLING):
        make_topic((topic[0], f"{topic[1]} again"), 10)
    assert run()["clusters"] == 3
    before = placed()
    run()
    assert placed() == before


WORDS = "export login invoice page file error slow empty loops wrong map tiles".split()  # noqa: SIM905


@contextmanager
def emptied() -> Iterator[None]:
    yield
    Issue.objects.all().delete()
    Ticket.objects.all().delete()
    Cluster.objects.all().delete()
    Grouping.objects.all().delete()


@pytest.mark.django_db
@pytest.mark.sqlite_only
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.lists(st.sampled_from(WORDS), min_size=2, max_size=5), min_size=4, max_size=25),
    more=st.lists(st.lists(st.sampled_from(WORDS), min_size=2, max_size=5), max_size=6),
)
def test_whatever_the_issues_are_runs_repeat_themselves_and_ids_are_never_used_again(
    texts: list[list[str]], more: list[list[str]]
) -> None:
    with emptied():
        for words in texts:
            make_issue(" ".join(words))
        run()
        before, names = placed(), dict(Cluster.objects.values_list("pk", "created_at"))
        run()
        assert placed() == before
        run(full=False)
        assert placed() == before
        for words in more:
            make_issue(" ".join(words))
        run(now=NOW + timedelta(days=1))
        standing = set(Cluster.objects.filter(is_gone=False).values_list("pk", flat=True))
        assert {key for key in placed().values() if key} == standing
        assert set(names) <= set(Cluster.objects.values_list("pk", flat=True))
        sizes = {pk: sum(key == pk for key in placed().values()) for pk in standing}
        assert dict(Cluster.objects.filter(is_gone=False).values_list("pk", "size")) == sizes


def test_in_whatever_order_texts_come_the_same_are_folded_and_weigh_the_same() -> None:
    texts = [(pk, "t", " ".join(random.Random(pk % 25).sample(WORDS, 4))) for pk in range(1, 40)]  # noqa: S311
    shuffled = random.Random(1).sample(texts, len(texts))  # noqa: S311
    (space, first), (other_space, second) = fold(texts), fold(shuffled)
    assert [each.members[0] for each in first] == sorted(each.members[0] for each in first)
    assert {term: round(weight, 9) for term, weight in space.weights.items()} == {
        term: round(weight, 9) for term, weight in other_space.weights.items()
    }
    groups = [{frozenset(each.members) for each in copies} for copies in (first, second)]
    assert groups[0] == groups[1]
    assert len(groups[0]) == 25


@pytest.mark.django_db
def test_a_text_without_any_known_word_waits(topics: list[list[Issue]]) -> None:
    run()
    odd = make_issue("#123 ???", "42", ticket=make_ticket())
    assert run(full=False)["waiting"] == 1
    assert placed()[odd.pk] is None
