"""Ranking metrics of next-item prediction, from the rank of each target in its list.

Pure numpy. One prediction has one relevant item, so recall@k is the hit rate and the ideal DCG is 1.
Callers: `retrain.evaluation`, `streams.dev` (the demo's comparison).
"""

import numpy as np
from numpy.typing import NDArray

Ranks = NDArray[np.integer]
"""int [predictions]: the target's place in its list, from 1; 0 where it is not in the list."""


def recall_at_k(ranks: Ranks, k: int) -> float:
    """The share of predictions whose target is among the first k; 0 of none."""
    return _mean(_hit(ranks, k).astype(np.float64))


def mrr_at_k(ranks: Ranks, k: int) -> float:
    """The mean of 1/rank, 0 beyond k; 0 of none."""
    return _mean(np.where(_hit(ranks, k), 1 / np.maximum(ranks, 1), 0.0))


def ndcg_at_k(ranks: Ranks, k: int) -> float:
    """The mean of 1/log2(1 + rank), 0 beyond k; 0 of none."""
    return _mean(np.where(_hit(ranks, k), 1 / np.log2(1 + np.maximum(ranks, 1)), 0.0))


def target_ranks(listed_rows: NDArray[np.int32], targets: NDArray[np.int32]) -> NDArray[np.int64]:
    """The rank of each target in its list.

    Args:
        listed_rows: int32 [predictions, k], best first, filled up with negative numbers.
        targets: int32 [predictions]; negative where the target is not known: never a hit.
    """
    hits = (listed_rows == targets[:, None]) & (targets >= 0)[:, None]
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, 0)


def _hit(ranks: Ranks, k: int) -> NDArray[np.bool_]:
    return (ranks > 0) & (ranks <= k)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else 0.0
