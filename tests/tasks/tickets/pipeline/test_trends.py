"""Which clusters rise: the score of an hour against the day before it, and the counts behind it."""

from datetime import timedelta
from typing import Any

import pytest

from tasks.recording import Entry
from tasks.tickets.models import Cluster, Grouping, HourlyCount
from tasks.tickets.trends import compute_trends, count_hours, hour_of, latest_trend, trend
from tests.tasks.tickets.pipeline.conftest import HOUR, NOW, make_cluster, make_issue, make_ticket

TOP = hour_of(NOW)


@pytest.mark.parametrize(
    ("history", "current", "score", "rising"),
    [
        ([1] * 20 + [0] * 4, 6, 3.8, True),  # a mean of 0.83
        ([51] * 18 + [50] * 6, 60, 1.3, False),  # a mean of nearly 51
        ([0] * 24, 3, 3.0, True),
        ([0] * 24, 2, 2.0, False),  # too few, whatever the score
        ([5] * 24, 0, -2.0, False),
    ],
)
def test_the_worked_examples(history: list[int], current: int, score: float, rising: bool) -> None:
    told = trend(history, current)
    assert round(told.score, 1) == score
    assert told.is_rising is rising
    assert told.ratio == pytest.approx((current + 1) / (sum(history) / 24 + 1))


def test_what_rises_after_a_day_without_any_is_new() -> None:
    assert trend([0] * 24, 5).is_new
    assert not trend([0] * 23 + [1], 9).is_new
    assert not trend([0] * 24, 2).is_new


def test_the_hour_under_way_counts_as_soon_as_it_is_high_enough() -> None:
    assert latest_trend({TOP: 5}, NOW).is_rising
    assert latest_trend({TOP - HOUR: 5}, NOW).is_rising  # the last whole hour
    assert not latest_trend({TOP - 2 * HOUR: 5}, NOW).is_rising


@pytest.mark.django_db
def test_tickets_are_counted_once_for_each_cluster_and_hour(django_assert_num_queries: Any) -> None:
    cluster, ticket = make_cluster(), make_ticket(opened_at=TOP + HOUR - timedelta(microseconds=1))
    for _ in range(3):
        make_issue(ticket=ticket, cluster=cluster)
    make_issue(cluster=cluster, opened_at=TOP)
    make_issue(cluster=cluster, opened_at=TOP - timedelta(microseconds=1))
    make_issue(cluster=cluster, opened_at=TOP - 3 * HOUR)
    make_issue(cluster=None)
    make_issue(ticket=make_ticket(is_deleted=True), cluster=cluster)
    with django_assert_num_queries(1):
        assert count_hours(TOP - 2 * HOUR, TOP + HOUR) == {cluster.pk: {TOP: 2, TOP - HOUR: 1}}


@pytest.mark.django_db
def test_counts_follow_what_has_changed_and_older_ones_stay(entry: Entry) -> None:
    cluster = make_cluster()
    for hour, count in [(TOP, 9), (TOP - HOUR, 4), (TOP - 100 * HOUR, 7), (TOP - 2300 * HOUR, 7)]:
        HourlyCount.objects.create(cluster=cluster, hour=hour, count=count)
    Cluster.objects.update(scored_at=NOW)
    make_issue(cluster=cluster)
    make_issue(cluster=cluster, opened_at=TOP - 2 * HOUR)
    compute_trends(entry, now=NOW)
    found = dict(HourlyCount.objects.values_list("hour", "count"))
    assert found == {TOP: 1, TOP - 2 * HOUR: 1, TOP - 100 * HOUR: 7}  # the last one was older than anyone looks
    assert entry.result["hours"] == 3


@pytest.mark.django_db
def test_after_a_full_run_all_that_is_shown_is_counted_anew(entry: Entry) -> None:
    cluster = make_cluster(scored_at=NOW)  # by the hourly job, while the full run that began before went on
    HourlyCount.objects.create(cluster=cluster, hour=TOP - 100 * HOUR, count=7)
    Grouping.objects.create(pk=Grouping.ONLY, made_at=NOW - HOUR)
    compute_trends(entry, now=NOW)
    assert not HourlyCount.objects.exists()
    HourlyCount.objects.create(cluster=cluster, hour=TOP - 100 * HOUR, count=7)
    compute_trends(entry, now=NOW)
    assert HourlyCount.objects.exists(), "once is enough"


@pytest.mark.django_db
def test_clusters_that_rise_are_marked_and_fall_again(entry: Entry) -> None:
    rising, calm, gone = make_cluster("a"), make_cluster("b"), make_cluster("c", is_gone=True)
    for _ in range(5):
        make_issue(cluster=rising)
        make_issue(cluster=gone)
    make_issue(cluster=calm)
    compute_trends(entry, now=NOW)
    assert list(Cluster.objects.filter(is_rising=True)) == [rising]
    rising.refresh_from_db()
    assert (rising.is_new, rising.score, rising.ratio, rising.scored_at) == (True, 5.0, 6.0, NOW)
    assert entry.result == {"hours": 3, "clusters": 2, "rising": 1}
    compute_trends(entry, now=NOW + 3 * HOUR)
    assert not Cluster.objects.filter(is_rising=True).exists()


@pytest.mark.django_db
def test_many_clusters_take_few_queries(entry: Entry, django_assert_max_num_queries: Any) -> None:
    for number in range(60):
        make_issue(cluster=make_cluster(str(number)))
    with django_assert_max_num_queries(20):
        compute_trends(entry, now=NOW)
