"""A walk goes on where it was cut short, goes round, and comes back to what has failed."""

from datetime import timedelta

import pytest

from tasks.audiobooks import rounds, walks
from tasks.audiobooks.models import Genre, Walk
from tasks.exceptions import DeadlineReached, InvalidItem, PartsFailed
from tests.tasks.audiobooks.shelf import NOW, recorded

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=30)


class Steps(rounds.Round[Genre]):
    """Writes down the rows that are done; those of `bad` fail so often, those of `last` use up the time."""

    def __init__(self, run: str, bad: dict[str, int] | None = None, last: str = "", *, goes_round: bool = True) -> None:
        with recorded() as entry:
            walk = walks.begin("x", run, NOW if run == "1" else LATER, goes_round=goes_round)
            super().__init__(entry, walk)
        self.done: list[str] = []
        self._bad = bad if bad is not None else {}
        self._last = last

    def do(self, row: Genre, *, again: bool) -> None:
        if row.name == self._last and not again:
            raise DeadlineReached
        if self._bad.get(row.name):
            self._bad[row.name] -= 1
            raise InvalidItem("is bad")
        self.done.append(row.name)

    def whole(self) -> str:
        self.go(Genre.objects.all())
        self.go_back(Genre.objects.all())
        self.arrive()
        return "".join(self.done)


@pytest.fixture(autouse=True)
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "BATCH", 2)
    Genre.objects.bulk_create(Genre(name=name) for name in "abcdefg")


def cut_short(run: str, last: str) -> str:
    steps = Steps(run, last=last)
    with pytest.raises(DeadlineReached):
        steps.whole()
    return "".join(steps.done)


def test_all_are_done_and_the_next_run_begins_anew() -> None:
    assert Steps("1").whole() == "abcdefg"
    walk = Walk.objects.get()
    assert (walk.run, walk.position, walk.ended_at) == ("", 0, NOW)
    assert Steps("2").whole() == "abcdefg"
    assert Walk.objects.get().ended_at == LATER


def test_what_used_up_the_time_comes_last_in_the_next_attempt() -> None:
    assert cut_short("1", "c") == "ab"
    assert Steps("1").whole() == "defgc"
    assert Walk.objects.get().ended_at == NOW


def test_another_run_goes_on_there_and_goes_round() -> None:
    assert cut_short("1", "c") == "ab"
    assert cut_short("2", "f") == "de"
    assert cut_short("3", "b") == "ga", "round the end, and on from the beginning"
    assert Steps("3").whole() == "cdefb"
    assert Walk.objects.get().ended_at == LATER


def test_a_run_of_which_little_was_left_passes_all() -> None:
    assert cut_short("1", "e") == "abcd"
    assert Steps("2").whole() == "fgabcde"


def test_a_step_back_over_the_turn_is_taken_up_there() -> None:
    cut_short("1", "c")
    cut_short("2", "b")
    walk = Walk.objects.get()
    assert walk.has_turned
    keys = dict(Genre.objects.values_list("name", "pk"))
    walks.step_back(walk, keys["c"])
    assert walk.has_turned, "it is still to come"
    walks.step_back(walk, keys["d"])
    assert (walk.position, walk.has_turned) == (keys["c"], False)
    assert Steps("2").whole() == "defgabc"


def test_what_fails_is_tried_once_more_at_the_end() -> None:
    assert Steps("1", {"b": 1, "f": 1}).whole() == "acdegbf"


def test_what_fails_twice_is_named_and_alone_tried_by_the_next_attempt() -> None:
    bad = {"b": 4, "f": 3}
    with pytest.raises(PartsFailed, match=r"b, f$"):
        Steps("1", bad).whole()
    assert Walk.objects.get().ended_at == NOW, "it has arrived all the same"
    with pytest.raises(PartsFailed, match=r"b$"):
        Steps("1", {"b": 1}).whole()
    assert Steps("1").whole() == "b"
    assert Walk.objects.get().run == ""
    assert Steps("2").whole() == "abcdefg"


def test_another_run_after_such_a_one_passes_all() -> None:
    with pytest.raises(PartsFailed):
        Steps("1", {"b": 2}).whole()
    assert Steps("2").whole() == "abcdefg"
    assert Walk.objects.get().left == []


def test_only_so_many_are_kept_tried_again_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "MOST_LEFT", 5)
    monkeypatch.setattr(rounds, "ENOUGH", 3)
    monkeypatch.setattr(rounds, "MOST_NAMED", 2)
    with pytest.raises(PartsFailed, match="a, b and 5 more"):
        Steps("1", dict.fromkeys("abcdefg", 9)).whole()
    assert len(Walk.objects.get().left) == 5


def test_a_walk_through_a_list_goes_on_in_another_run_and_keeps_its_beginning() -> None:
    walk = walks.begin("x", "1", NOW, goes_round=False)
    walks.reach(walk, 40)
    walks.leave(walk, "7")
    walk = walks.begin("x", "2", LATER, goes_round=False)
    assert (walk.position, walk.began_at, walk.left) == (40, NOW, ["7"])
    walks.arrive(walk)
    walk = walks.begin("x", "3", LATER, goes_round=False)
    assert (walk.position, walk.began_at, walk.ended_at, walk.left) == (0, LATER, NOW, ["7"])
