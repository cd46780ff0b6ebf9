"""Sparse ranking: the greatest values of each row of a sparse matrix, without a loop over rows.

Owns the order (value descending, column ascending) and the filling of short lists. One integer holds row,
value and column of an entry, so that one plain sort, which the CPU does in vector registers, orders a whole
batch. Callers: `retrain.baselines.scored_baseline`, `retrain.baselines.session_neighbors`.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrain.evaluation.next_item_model import ListedItems

_VALUE_BITS = 31
_KEY_BITS = 63


def among_greatest(matrix: csr_array, n: int) -> NDArray[np.bool_]:
    """Whether an entry is one of the n greatest of its row, of equals the first columns: bool [entries].

    Args:
        matrix: [rows, columns], entries > 0; of so many columns that rows do not fit into one sort, in parts.
        n: how many of each row, ≥ 1.
    """
    rows = matrix.shape[0]
    if rows > 1 and not _fits(matrix):
        halves = matrix[: rows // 2], matrix[rows // 2 :]
        return np.concatenate([among_greatest(half, n) for half in halves])
    counts = np.diff(matrix.indptr)
    if counts.max(initial=0) <= n:
        return np.ones(matrix.nnz, dtype=np.bool_)
    keys = _falling_keys(matrix)
    last = matrix.indptr[:-1] + np.minimum(counts, n) - 1
    thresholds = np.sort(keys)[np.maximum(last, 0)]
    chosen: NDArray[np.bool_] = keys <= np.repeat(thresholds, counts)
    return chosen


def ranked_lists(scores: csr_array, k: int) -> ListedItems:
    """The k best items of each row of scores; where fewer are found, the most popular of the others follow.

    Rows of the vocabulary are ordered by falling popularity, so the others follow by row, with the scores of
    `filling_scores`.

    Args:
        scores: [n, items], entries > 0, n * items < 2**32.
        k: the length of the lists.
    """
    n, items = scores.shape
    counts = np.diff(scores.indptr)
    order = np.argsort(_falling_keys(scores))
    place = np.arange(scores.nnz) - np.repeat(scores.indptr[:-1], counts)
    kept = place < k
    owner, place, order = np.repeat(np.arange(n), counts)[kept], place[kept], order[kept]
    listed = ListedItems(np.full((n, k), -1, dtype=np.int32), np.full((n, k), -np.inf, dtype=np.float32))
    listed.rows[owner, place] = scores.indices[order]
    listed.scores[owner, place] = scores.data[order]
    _fill(listed, np.minimum(counts, k), items)
    return listed


def filling_scores(items: int) -> NDArray[np.float32]:
    """The scores of items that a baseline did not find, float32 [items]: below 0, falling with the row."""
    return (-np.arange(1, items + 1) / items).astype(np.float32)


def _falling_keys(matrix: csr_array) -> NDArray[np.int64]:
    """Integers that order the entries by row, falling value and column.

    The bits of a positive float32, read as an integer, rise with its value.
    """
    assert _fits(matrix)
    rows = matrix.shape[0]
    column_bits = _column_bits(matrix)
    bits = matrix.data.astype(np.float32).view(np.int32).astype(np.int64)
    falling = ((1 << _VALUE_BITS) - 1) - bits
    row_of = np.repeat(np.arange(rows), np.diff(matrix.indptr))
    keys: NDArray[np.int64] = (((row_of << _VALUE_BITS) | falling) << column_bits) | matrix.indices
    return keys


def _fits(matrix: csr_array) -> bool:
    """Whether row, value and column have room in one integer."""
    return int(matrix.shape[0]) << (_column_bits(matrix) + _VALUE_BITS) <= 1 << _KEY_BITS


def _column_bits(matrix: csr_array) -> int:
    return max(1, int(matrix.shape[1] - 1).bit_length())


def _fill(listed: ListedItems, counts: NDArray[np.int64], items: int) -> None:
    """Fill lists that hold `counts` items: with the first rows of the vocabulary that they do not hold."""
    length = min(listed.rows.shape[1], items)
    scores = filling_scores(items)
    popular = np.arange(min(2 * length, items))
    for count in np.unique(counts[counts < length]):
        short = np.flatnonzero(counts == count)
        held = (listed.rows[short, :count, None] == popular).any(axis=1)
        added = popular[np.argsort(held, axis=1, kind="stable")[:, : length - count]]
        listed.rows[short, count:length] = added
        listed.scores[short, count:length] = scores[added]
