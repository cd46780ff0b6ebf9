"""Ranking: from retrieved candidates to the top k that may be shown.

Pure array work; knows rows and scores, not sessions. Caller: `models.recommender`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    if allowed.all():
        return [RankedRows(*ranked) for ranked in zip(rows[:, :k], scores[:, :k], strict=True)]
    ranked = []
    for at in range(len(rows)):
        keep = np.flatnonzero(allowed[at])[:k]
        ranked.append(RankedRows(rows[at, keep], scores[at, keep]))
    return ranked
