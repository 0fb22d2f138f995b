"""Where texts lie: each as weights of its terms (TF-IDF) of length 1, so that alike means a small angle. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tasks.tickets.words import terms

type Vector = dict[str, float]

LEAST_TEXTS = 2  # a term that stands in fewer tells nothing of likeness
MOST_SHARE = 0.5  # a term that stands in more of the texts tells them apart no more
FEW_TEXTS = 50  # below, no share of them means anything
MOST_TERMS = 20_000  # those in the most texts
CENTROID_TERMS = 100  # kept of a centroid, the heaviest


@dataclass(frozen=True, slots=True)
class Space:
    """How much each known term weighs."""

    weights: Mapping[str, float]

    @classmethod
    def of(cls, counted: Iterable[tuple[Iterable[str], int]]) -> "Space":
        """Learn from texts, each given as its terms and how many copies there are of it."""
        texts, seen = 0, Counter[str]()
        for found, copies in counted:
            texts += copies
            for term in found:
                seen[term] += copies
        most = texts * MOST_SHARE if texts >= FEW_TEXTS else texts
        useful = [(term, count) for term, count in seen.items() if LEAST_TEXTS <= count <= most]
        useful.sort(key=lambda each: (-each[1], each[0]))
        known = useful[:MOST_TERMS]
        return cls({term: round(math.log((1 + texts) / (1 + count)) + 1, 4) for term, count in sorted(known)})

    def vector(self, counted: Counter[str]) -> Vector:
        """The vector of a text by its terms; empty if none of them is known."""
        known = {
            term: (1 + math.log(times)) * self.weights[term] for term, times in counted.items() if term in self.weights
        }
        return unit(known)

    def read(self, text: str) -> Vector:
        return self.vector(terms(text))


def unit(vector: Mapping[str, float]) -> Vector:
    """`vector` at length 1, its terms in order; empty stays empty."""
    length = math.sqrt(math.fsum(weight * weight for weight in vector.values()))
    return {term: vector[term] / length for term in sorted(vector)} if length else {}


def centroid(members: Iterable[tuple[Vector, int]]) -> Vector:
    """The middle of vectors, each counted as often as there are copies of it; only its heaviest terms."""
    total: defaultdict[str, float] = defaultdict(float)
    for vector, copies in members:
        for term, weight in vector.items():
            total[term] += weight * copies
    heaviest = sorted(total.items(), key=lambda each: (-round(each[1], 9), each[0]))[:CENTROID_TERMS]
    return {term: round(weight, 5) for term, weight in unit(dict(heaviest)).items()}


class Nearest:
    """Finds the centroid that a vector is closest to."""

    def __init__(self, centroids: Mapping[int, Mapping[str, float]]) -> None:
        self._by_term: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        for key in sorted(centroids):
            for term, weight in centroids[key].items():
                self._by_term[term].append((key, weight))

    def to(self, vector: Vector) -> tuple[int, float] | None:
        """Its key and the cosine; of two that are as close the smaller key; None where nothing is in common."""
        cosines: defaultdict[int, float] = defaultdict(float)
        for term, weight in vector.items():
            for key, other in self._by_term.get(term, ()):
                cosines[key] += weight * other
        if not cosines:
            return None
        return min(cosines.items(), key=lambda each: (-round(each[1], 9), each[0]))


def top_terms(middle: Mapping[str, float], count: int) -> list[str]:
    """The heaviest terms."""
    return sorted(middle, key=lambda each: (-middle[each], each))[:count]


def most_central(middle: Mapping[str, float], vectors: Sequence[Vector]) -> int:
    """Which of `vectors` is closest to the middle; the first of those that are as close."""
    cosines = [math.fsum(weight * middle.get(term, 0.0) for term, weight in each.items()) for each in vectors]
    return min(range(len(cosines)), key=lambda place: (-round(cosines[place], 9), place))
