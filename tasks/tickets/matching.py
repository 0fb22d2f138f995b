"""Which new group is which old one: ids last for as long as a cluster keeps enough of its issues. Pure."""

from collections import Counter
from collections.abc import Mapping

LEAST_OVERLAP = 0.3  # Jaccard: what two sets share of all that is in either


def successors(old: Mapping[int, int], new: Mapping[int, int]) -> dict[int, int]:
    """New group -> the old one that it goes on from, where there is one; no old one has two successors.

    `old` and `new` say which group each member is in. The largest overlap comes first; of equal ones that of the
    older group, then that with the earliest member: how new groups are numbered makes no difference.
    """
    sizes_of_old, sizes_of_new = Counter(old.values()), Counter(new.values())
    shared = Counter((old[member], group) for member, group in new.items() if member in old)
    first: dict[int, int] = {}
    for member in sorted(new):
        first.setdefault(new[member], member)
    pairs = []
    for (before, after), count in shared.items():
        overlap = count / (sizes_of_old[before] + sizes_of_new[after] - count)
        if overlap >= LEAST_OVERLAP:
            pairs.append((-overlap, before, first[after], after))
    found: dict[int, int] = {}
    taken: set[int] = set()
    for _, before, _, after in sorted(pairs):
        if after not in found and before not in taken:
            found[after] = before
            taken.add(before)
    return found
