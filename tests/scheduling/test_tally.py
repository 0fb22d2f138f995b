"""What is counted adds up, in whatever order and from however many threads; and it stays bounded."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from scheduling.tally import BEYOND, DURATION, MOST_JOBS, OTHERS, RUNS, Figures, Tally, added, as_rows, from_rows


def test_what_was_taken_is_not_taken_again() -> None:
    tally = Tally()
    tally.count(RUNS, "films", "t", "failed", "")
    tally.count(RUNS, "films", "t", "failed", "", by=2)
    assert tally.take() == {(RUNS, "films", "t", "failed", ""): 3}
    assert tally.take() == {}


def test_threads_lose_nothing() -> None:
    tally = Tally()
    total: Figures = {}

    def count(number: int) -> None:
        for _ in range(1000):
            tally.count("x")

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(count, range(8)):
            added(total, tally.take())
    assert added(total, tally.take()) == {("x",): 8000}


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0, "0.1"), (0.1, "0.1"), (0.11, "0.5"), (43_200, "43200"), (43_200.1, BEYOND)]
)
def test_a_value_falls_into_the_first_bucket_that_holds_it(seconds: float, bucket: str) -> None:
    tally = Tally()
    tally.observe(DURATION, seconds, "default")
    assert tally.take() == {(DURATION, "default", bucket): 1, ("duration_sum", "default"): seconds}


def test_a_clock_that_was_set_back_shrinks_no_sum() -> None:
    tally = Tally()
    tally.observe(DURATION, -5, "default")
    assert tally.take()["duration_sum", "default"] == 0


def test_figures_survive_their_way_through_a_row() -> None:
    figures: Figures = {(RUNS, "a", "t", "lost", ""): 2, ("duration_sum", "light"): 0.25}
    assert from_rows(as_rows(figures)) == figures


def test_what_another_version_left_is_passed_over() -> None:
    assert from_rows([["future", "label", 3], "nonsense", [], [5], ["runs", None], ["runs", "a", "b"]]) == {
        ("future", "label"): 3
    }


def test_jobs_beyond_the_bound_share_a_series_and_none_is_lost() -> None:
    many: Figures = {(RUNS, f"job-{number}", "t", "succeeded", ""): 1 for number in range(MOST_JOBS + 5)}
    total = added(added({}, many), many)
    assert len({series[1] for series in total}) == MOST_JOBS + 1
    assert total[RUNS, OTHERS, OTHERS, "succeeded", ""] == 10
    assert sum(total.values()) == 2 * (MOST_JOBS + 5)


def test_a_keeper_is_told_of_until_it_goes() -> None:
    tally = Tally()
    with tally.kept(), tally.kept():
        assert tally.has_keeper
    assert not tally.has_keeper
