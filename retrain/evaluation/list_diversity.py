"""Intra-list diversity: how different the items of one list are from each other.

Pure numpy. The mean distance over the pairs of a list, then over the lists (Ziegler et al. 2005; Zhang &
Hurley 2008), by item embeddings and by categories. Lists without a pair do not count. Caller:
`retrain.evaluation.beyond_accuracy`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BLOCK = 4096
"""Lists at once."""


def embedding_diversity(
    listed_rows: NDArray[np.int32], embeddings: NDArray[np.float32], cutoffs: Sequence[int]
) -> dict[str, float]:
    """Mean of 1 - cosine over the pairs of the first k items of a list, at each cutoff from 2.

    The sum of the cosines of all pairs is (|sum of unit vectors|^2 - number of items) / 2.

    Args:
        listed_rows: int32 [lists, k], filled up with -1.
        embeddings: float32 [items, dim].
        cutoffs: the k.
    """
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    unit = np.concatenate([embeddings / np.maximum(lengths, 1e-12), np.zeros((1, embeddings.shape[1]))])
    unit = unit.astype(np.float32)  # row -1 is the last: zeros
    means = {k: _Mean() for k in cutoffs if k > 1}
    for start in range(0, len(listed_rows), _BLOCK):
        rows = listed_rows[start : start + _BLOCK]
        vectors = unit[rows]
        for k, mean in means.items():
            total, own = vectors[:, :k].sum(axis=1), np.square(vectors[:, :k]).sum(axis=(1, 2))
            shown = (rows[:, :k] >= 0).sum(axis=1)
            pairs = shown * (shown - 1) / 2
            cosines = (np.square(total).sum(axis=1) - own) / 2
            mean.add(1 - cosines[pairs > 0] / pairs[pairs > 0])
    return {str(k): mean.value for k, mean in means.items()}


def category_diversity(
    listed_rows: NDArray[np.int32], categories: NDArray[np.int32], cutoffs: Sequence[int]
) -> dict[str, float]:
    """Share of the pairs of the first k items of a list that differ in category, at each cutoff from 2.

    Args:
        listed_rows: int32 [lists, k], filled up with -1.
        categories: int32 [items]; negative where an item has none: it is in no pair.
        cutoffs: the k.
    """
    of_row = np.append(categories, np.int32(-1))
    means = {k: _Mean() for k in cutoffs if k > 1}
    for start in range(0, len(listed_rows), _BLOCK):
        listed = of_row[listed_rows[start : start + _BLOCK]]
        for k, mean in means.items():
            one, other = listed[:, :k, None], listed[:, None, :k]
            equal = ((one == other) & (one >= 0)).sum(axis=(1, 2))
            known = (listed[:, :k] >= 0).sum(axis=1)
            same, pairs = (equal - known) / 2, known * (known - 1) / 2
            mean.add(1 - same[pairs > 0] / pairs[pairs > 0])
    return {str(k): mean.value for k, mean in means.items()}


class _Mean:
    """A mean of what comes in parts; 0 of nothing."""

    def __init__(self) -> None:
        self._sum, self._n = 0.0, 0

    def add(self, values: NDArray[np.floating]) -> None:
        self._sum += float(values.sum(dtype=np.float64))
        self._n += len(values)

    @property
    def value(self) -> float:
        return self._sum / self._n if self._n else 0.0
