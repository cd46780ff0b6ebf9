"""Ranking metrics of next-item prediction, from the rank of each target.

Pure numpy. One prediction has one relevant item, so recall@k is the hit rate and the ideal DCG is 1. A metric
is the mean of one value a prediction; groups, intervals and comparisons are made of the same values.
Callers: `retrain.evaluation.evaluation` and the modules of its sections.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrain.evaluation.metric_tables import MetricTable

Ranks = NDArray[np.integer[Any]] | NDArray[np.floating[Any]]
"""[predictions]: the target's rank, from 1 (a half where ties are halved); 0 where it has none."""
Values = dict[str, dict[int, NDArray[np.float32]]]
"""Metric -> k -> float32 [predictions]: what each prediction adds to the metric, 0 to 1."""


def hits(ranks: Ranks, k: int) -> NDArray[np.float64]:
    """1 where the target is among the first k."""
    return ((ranks > 0) & (ranks <= k)).astype(np.float64)


def reciprocal_ranks(ranks: Ranks, k: int) -> NDArray[np.float64]:
    """1/rank, 0 beyond k."""
    values: NDArray[np.float64] = hits(ranks, k) / np.maximum(ranks, 1)
    return values


def discounted_gains(ranks: Ranks, k: int) -> NDArray[np.float64]:
    """1/log2(1 + rank), 0 beyond k (Järvelin & Kekäläinen 2002, one relevant item)."""
    values: NDArray[np.float64] = hits(ranks, k) / np.log2(1 + np.maximum(ranks, 1))
    return values


METRICS: dict[str, Callable[[Ranks, int], NDArray[np.float64]]] = {
    "recall": hits,
    "mrr": reciprocal_ranks,
    "ndcg": discounted_gains,
}
"""By the names that stand in reports."""


def recall_at_k(ranks: Ranks, k: int) -> float:
    """The share of predictions whose target is among the first k; 0 of none."""
    return _mean(hits(ranks, k))


def mrr_at_k(ranks: Ranks, k: int) -> float:
    """The mean of 1/rank, 0 beyond k; 0 of none."""
    return _mean(reciprocal_ranks(ranks, k))


def ndcg_at_k(ranks: Ranks, k: int) -> float:
    """The mean of 1/log2(1 + rank), 0 beyond k; 0 of none."""
    return _mean(discounted_gains(ranks, k))


def target_ranks(listed_rows: NDArray[np.int32], targets: NDArray[np.int32]) -> NDArray[np.int64]:
    """The rank of each target in its list.

    Args:
        listed_rows: int32 [predictions, k], best first, filled up with negative numbers.
        targets: int32 [predictions]; negative where the target is not known: never a hit.
    """
    found = (listed_rows == targets[:, None]) & (targets >= 0)[:, None]
    return np.where(found.any(axis=1), found.argmax(axis=1) + 1, 0)


def accuracy_values(runs: Sequence[Ranks], cutoffs: Iterable[int]) -> Values:
    """What each prediction adds to each metric, as a mean over runs (trainings with other seeds).

    Args:
        runs: at least one; the ranks of the same predictions.
        cutoffs: the k of the metrics.
    """
    return {
        name: {
            k: np.stack([metric(ranks, k) for ranks in runs]).mean(axis=0, dtype=np.float32) for k in cutoffs
        }
        for name, metric in METRICS.items()
    }


def metric_table(values: Values, where: NDArray[np.bool_] | None = None) -> MetricTable:
    """The metrics of all predictions, or of some.

    Args:
        values: see `accuracy_values`.
        where: bool [predictions]; None: all.
    """
    chosen = slice(None) if where is None else where
    return {
        name: {str(k): _mean(each[chosen].astype(np.float64)) for k, each in at_k.items()}
        for name, at_k in values.items()
    }


def difference(values: Values, others: Values) -> Values:
    """`values` minus `others`, prediction by prediction; both have the same metrics and cutoffs."""
    return {name: {k: each - others[name][k] for k, each in at_k.items()} for name, at_k in values.items()}


def curves(runs: Sequence[Ranks], k: int) -> dict[str, list[float]]:
    """Each metric at 1, 2, … k, as a mean over runs."""
    return {
        name: [float(np.mean([_mean(metric(ranks, at)) for ranks in runs])) for at in range(1, k + 1)]
        for name, metric in METRICS.items()
    }


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else 0.0
