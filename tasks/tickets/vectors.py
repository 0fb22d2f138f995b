"""Groups of vectors that are alike, found by scikit-learn: an extra, so `cluster.py` loads this only when it must.

The same vectors give the same groups: the order is the caller's, and every random state is fixed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.cluster import HDBSCAN, AgglomerativeClustering
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction import DictVectorizer
from sklearn.preprocessing import normalize

FEW = 3_000  # below, all distances fit into memory: 72 MB
FARTHEST = 0.7  # cosine distance up to which groups of few are joined
LEAST_OF_FEW = 3  # copies that make a group
LEAST_OF_MANY = 5
DIMENSIONS = 100
SEED = 0
NONE = -1  # the label of what belongs to no group


def group(vectors: Sequence[Mapping[str, float]], copies: Sequence[int]) -> list[int]:
    """The label of the group of each vector; NONE for those that are like no others.

    `vectors` are of length 1 and none is empty. One whose copies alone make a group is one, if it joins no other.
    """
    if not vectors:
        return []
    is_few = len(vectors) < FEW
    matrix = DictVectorizer(dtype=np.float32, sort=True).fit_transform(vectors)
    labels = [int(label) for label in (_of_few if is_few else _of_many)(matrix)]
    return _without_small(labels, copies, LEAST_OF_FEW if is_few else LEAST_OF_MANY)


def _of_few(matrix: Any) -> Sequence[int]:
    if matrix.shape[0] == 1:
        return [0]
    distances = np.clip(1.0 - (matrix @ matrix.T).toarray(), 0.0, None)
    np.fill_diagonal(distances, 0.0)
    joined = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=FARTHEST
    )
    found: Sequence[int] = joined.fit_predict(distances)
    return found


def _of_many(matrix: Any) -> Sequence[int]:
    dimensions = min(DIMENSIONS, matrix.shape[1] - 1)
    dense = normalize(TruncatedSVD(dimensions, random_state=SEED).fit_transform(matrix))
    found: Sequence[int] = HDBSCAN(min_cluster_size=LEAST_OF_MANY, copy=True).fit_predict(dense)
    return found


def _without_small(labels: Sequence[int], copies: Sequence[int], least: int) -> list[int]:
    """Groups counted by copies: small ones are none, and a vector alone is one if it has copies enough."""
    sizes = Counter[int]()
    for label, count in zip(labels, copies, strict=True):
        sizes[label] += count
    following = max(labels, default=NONE) + 1
    told = []
    for label, count in zip(labels, copies, strict=True):
        if label != NONE and sizes[label] >= least:
            told.append(label)
        elif label == NONE and count >= least:
            told.append(following)
            following += 1
        else:
            told.append(NONE)
    return told
