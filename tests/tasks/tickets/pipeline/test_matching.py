"""Ids last: whatever moves between two full runs, no cluster has two successors, and none is made up."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.tickets.matching import LEAST_OVERLAP, successors

GROUPS = st.dictionaries(st.integers(1, 60), st.integers(1, 8), max_size=60)


def jaccard(old: dict[int, int], before: int, new: dict[int, int], after: int) -> float:
    first = {member for member, group in old.items() if group == before}
    second = {member for member, group in new.items() if group == after}
    return len(first & second) / len(first | second)


@given(GROUPS)
def test_the_same_groups_keep_their_ids(groups: dict[int, int]) -> None:
    assert successors(groups, groups) == {group: group for group in groups.values()}


@given(GROUPS, GROUPS)
def test_nobody_has_two_successors_and_all_overlap_enough(old: dict[int, int], new: dict[int, int]) -> None:
    found = successors(old, new)
    assert len(set(found.values())) == len(found)
    assert all(jaccard(old, before, new, after) >= LEAST_OVERLAP for after, before in found.items())


@given(GROUPS, GROUPS, st.permutations(range(1, 9)))
def test_how_new_groups_are_numbered_makes_no_difference(
    old: dict[int, int], new: dict[int, int], numbers: list[int]
) -> None:
    renumbered = {member: numbers[group - 1] for member, group in new.items()}
    expected = {numbers[after - 1]: before for after, before in successors(old, new).items()}
    assert successors(old, renumbered) == expected


@given(GROUPS, GROUPS)
def test_no_pair_is_left_over(old: dict[int, int], new: dict[int, int]) -> None:
    found = successors(old, new)
    free_old, free_new = set(old.values()) - set(found.values()), set(new.values()) - set(found)
    assert not any(jaccard(old, before, new, after) >= LEAST_OVERLAP for before in free_old for after in free_new)


def test_the_larger_part_of_a_cluster_that_was_split_keeps_its_id() -> None:
    old = dict.fromkeys(range(10), 5)
    new = {member: 1 if member < 6 else 2 for member in range(10)}
    assert successors(old, new) == {1: 5}
