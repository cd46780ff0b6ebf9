"""Ranking: from retrieved candidates to the top k that may be shown.

Pure array work; knows rows and scores, not sessions. Caller: `models.list_ranker`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.score_keys import SPARE_BITS, numbers_of, scores_of, sort_keys

_NO_ROW = (1 << SPARE_BITS) - 1
"""Stands for -1 in sort keys; no catalogue has so many items."""
SCORED_ROW = np.dtype([("row", "<i4"), ("score", "<f4")])
"""One entry of `popular.npy` and `similar.npy`."""


class RankedRows(NamedTuple):
    """Rows and scores of one list, best first, ties by row."""

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]


def allowed_candidates(
    rows: NDArray[np.int32], excluded: list[NDArray[np.int32] | None], unavailable: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    """Which candidates may be shown, bool [batch, n].

    Args:
        rows: int32 [batch, n]; negative where the index found fewer than n.
        excluded: for each of the batch the rows that it must not show, or None.
        unavailable: bool [items], True for items that nobody may be shown; None where all may.
    """
    allowed = rows >= 0
    if unavailable is not None:
        allowed &= ~unavailable[rows]
    for at, excluded_rows in enumerate(excluded):
        if excluded_rows is not None:
            allowed[at] &= ~np.isin(rows[at], excluded_rows)
    return allowed


def with_last_items(
    rows: NDArray[np.int32],
    scores: NDArray[np.float32],
    last_rows: NDArray[np.int32],
    last_scores: NDArray[np.float32],
    complete: bool,
    side: tuple[NDArray[np.int32], NDArray[np.float32]] | None = None,
    side_complete: bool = True,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The candidates with other scores for some rows, which join them where they were not retrieved.

    Args:
        rows: int32 [batch, n], different ones, sorted by (score descending, row ascending); negative where
            the index found fewer.
        scores: float32 [batch, n], beside the rows.
        last_rows: int32 [batch, m], the rows that have another score, different ones; negative for none.
        last_scores: float32 [batch, m], the scores that they have; -inf for none.
        complete: whether `rows` are all rows that there are. Otherwise nothing below the last retrieved
            candidate stays, for something that was not retrieved may lie between.
        side: rows int32 and scores float32 [batch, s] that join the candidates, none of them among `rows`;
            those that have another score lose this one.
        side_complete: whether these are all that there are. Otherwise nothing below the last of them stays.

    Returns:
        Rows and scores [batch, n + m + s], sorted likewise, filled up with -1 and -inf.
    """
    kept, more, more_rows = _unless_rescored(rows, scores, last_rows), last_scores, last_rows
    if side is not None:
        more = np.concatenate([more, _unless_rescored(*side, last_rows)], axis=1)
        more_rows = np.concatenate([more_rows, side[0]], axis=1)
    joined = np.concatenate([kept, more], axis=1)
    joined_rows = np.concatenate([rows, more_rows], axis=1)
    if not complete:
        joined = _down_to(joined, joined_rows, rows[:, -1:], scores[:, -1:])
    if side is not None and not side_complete:
        joined = _down_to(joined, joined_rows, side[0][:, -1:], side[1][:, -1:])
    joined_rows[np.isneginf(joined)] = -1
    keys = sort_keys(joined, np.where(joined_rows < 0, _NO_ROW, joined_rows))
    keys.sort(axis=1)
    keys = keys[:, ::-1]
    sorted_rows = numbers_of(keys)
    return np.where(sorted_rows == _NO_ROW, -1, sorted_rows).astype(np.int32), scores_of(keys)


def _down_to(
    scores: NDArray[np.float32],
    rows: NDArray[np.int32],
    last_row: NDArray[np.int32],
    horizon: NDArray[np.float32],
) -> NDArray[np.float32]:
    """The scores, -inf for what comes behind a last row with its score, both [batch, 1]."""
    beyond = (scores < horizon) | ((scores == horizon) & (rows > last_row))
    return np.where(beyond, np.float32(-np.inf), scores)


def _unless_rescored(
    rows: NDArray[np.int32], scores: NDArray[np.float32], last_rows: NDArray[np.int32]
) -> NDArray[np.float32]:
    """The scores, -inf where the row has another one."""
    rescored = np.zeros(rows.shape, dtype=np.bool_)
    for column in range(last_rows.shape[1]):
        rescored |= rows == last_rows[:, column, None]
    return np.where(rescored, np.float32(-np.inf), scores)


def top_allowed(
    rows: NDArray[np.int32], scores: NDArray[np.float32], allowed: NDArray[np.bool_], k: int
) -> list[RankedRows]:
    """The first k allowed candidates of each list; the order of the candidates is kept.

    Args:
        rows: int32 [batch, n], sorted by (score descending, row ascending).
        scores: float32 [batch, n], beside the rows.
        allowed: bool [batch, n].
        k: the cutoff; a list is shorter where fewer are allowed.
    """
    ranked = [RankedRows(*one) for one in zip(rows[:, :k], scores[:, :k], strict=True)]
    for at in np.flatnonzero(~allowed[:, :k].all(axis=1)).tolist():
        keep = np.flatnonzero(allowed[at])[:k]
        ranked[at] = RankedRows(rows[at, keep], scores[at, keep])
    return ranked
