"""The exact index: all scores, the maximum of each group of rows, exact selection among the best groups.

FAISS's flat index spends most of its time on selection; finding the best groups first is several times
faster below ~100 000 items. Owns no file: it searches the release's memory-mapped `item_vectors.npy`.
Caller: `index.item_index`.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.score_keys import SPARE_BITS, greatest_keys, numbers_of, scores_of, sort_keys

GROUP = 16
"""Rows in a group. Fewer make the choice of groups dearer, more the choice inside them."""
_WIDE_BATCH = 16
"""From this many queries on, a product for each place in a group beats one for all: maxima are cheaper."""
_MAX_SCORES = 1 << 23
"""Scores held at once (32 MiB)."""
_QUERIES_AT_ONCE = 256
"""Longer batches are searched in parts, and so are catalogues for which the scores of a batch are too many:
reading the vectors again for every few queries would take longer than their products."""


class ExactIndex:
    """Search over all items; see `index.item_index.ItemIndex`."""

    kind = "exact"

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        """Search `vectors`, float32 [items, dim], at least one item; they are not copied."""
        assert vectors.ndim == 2
        assert 0 < len(vectors) < 1 << SPARE_BITS
        self._vectors = vectors

    @property
    def parameters(self) -> dict[str, int]:
        """None: nothing is to be chosen."""
        return {}

    def save(self, path: Path) -> None:
        """Write nothing; the vectors are a file of the release."""

    def search(self, queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The n items with the greatest inner product of each query; ties go to the lower row at the cut too.

        Args:
            queries: float32 [batch, dim].
            n: how many, at least 1.

        Returns:
            rows int32 [batch, min(n, items)] and scores float32 likewise; see `ItemIndex.search`.
        """
        assert n >= 1
        n = min(n, len(self._vectors))
        rows = np.empty((len(queries), n), dtype=np.int32)
        scores = np.empty((len(queries), n), dtype=np.float32)
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            part = slice(start, start + _QUERIES_AT_ONCE)
            keys = self._best_of_all(queries[part], n)
            rows[part], scores[part] = numbers_of(keys), scores_of(keys)
        return rows, scores

    def _best_of_all(self, queries: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        """The keys of the n best rows, part by part of the catalogue."""
        block = max(1, _MAX_SCORES // (len(queries) * GROUP)) * GROUP
        parts = []
        for first in range(0, len(self._vectors), block):
            vectors = self._vectors[first : first + block]
            best = _best(_grouped_scores(queries, vectors), min(n, len(vectors)))
            parts.append(best - first)  # a number is subtracted in its key
        return parts[0] if len(parts) == 1 else greatest_keys(np.concatenate(parts, axis=1), n)


def _grouped_scores(queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Float32 [batch, GROUP, groups]: at [:, i, g] the score of row g * GROUP + i; -inf past the last."""
    batch, groups = len(queries), -(-len(vectors) // GROUP)
    if batch < _WIDE_BATCH:
        flat = np.full((batch, groups * GROUP), -np.inf, dtype=np.float32)
        np.matmul(queries, vectors.T, out=flat[:, : len(vectors)])
        return flat.reshape(batch, groups, GROUP).transpose(0, 2, 1)
    scores = np.empty((batch, GROUP, groups), dtype=np.float32)
    scores[:, :, -1] = -np.inf
    for place in range(min(GROUP, len(vectors))):
        column = vectors[place::GROUP]
        np.matmul(queries, column.T, out=scores[:, place, : len(column)])
    return scores


def _best(scores: NDArray[np.float32], n: int) -> NDArray[np.int64]:
    """The keys of the n best rows.

    They lie in the n groups that come first by (maximum descending, group ascending): for a row outside, each
    of these groups holds a row that is greater, or equal and of a lower number.

    Args:
        scores: float32 [batch, GROUP, groups].
        n: at most the rows.
    """
    batch, _, count = scores.shape
    if n < count:
        maxima = sort_keys(scores.max(axis=1), np.arange(count))
        groups = numbers_of(greatest_keys(maxima, n, in_order=False))
        members = scores.transpose(0, 2, 1)[np.arange(batch)[:, None], groups]
    else:
        groups = np.broadcast_to(np.arange(count), (batch, count))
        members = scores.transpose(0, 2, 1)
    rows = groups[:, :, None] * GROUP + np.arange(GROUP)
    keys = sort_keys(members.reshape(batch, -1), rows.reshape(batch, -1))
    return greatest_keys(keys, n)
