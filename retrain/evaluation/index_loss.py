"""Index loss: what the approximate index of a release costs, the exact search beside it.

Owns the comparison of the two. Caller: `retrain.evaluation.evaluation_building`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrain.evaluation.bootstrap import Bootstrap, metric_intervals
from retrain.evaluation.evaluation_sections import IndexLoss
from retrain.evaluation.predictions import Predictions
from retrain.evaluation.ranking_metrics import accuracy_values, difference, metric_table

_BLOCK = 1 << 14


def index_loss(
    kind: str, own: Predictions, exact: Predictions, cutoffs: Sequence[int], bootstrap: Bootstrap
) -> IndexLoss:
    """The section.

    Args:
        kind: of the release's own index.
        own: of the release as it is.
        exact: of the same release with the exact search, on the same prefixes.
        cutoffs: the k.
        bootstrap: for the intervals of the difference; 0 resamples: none.
    """
    values = accuracy_values([own.ranks], cutoffs)
    others = accuracy_values([exact.ranks], cutoffs)
    lost = difference(values, others)
    return IndexLoss(
        index=kind,
        exact_metrics=metric_table(others),
        difference=metric_table(lost),
        intervals=metric_intervals(lost, own.prefixes.session, bootstrap) if bootstrap.resamples else None,
        overlap={str(k): list_overlap(own.listed_rows, exact.listed_rows, k) for k in cutoffs},
        same_lists={
            str(k): float((own.listed_rows[:, :k] == exact.listed_rows[:, :k]).all(axis=1).mean())
            for k in cutoffs
        },
    )


def list_overlap(listed: NDArray[np.int32], exact: NDArray[np.int32], k: int) -> float:
    """The mean share of the first k of the exact list that are among the first k of the other.

    Args:
        listed: int32 [lists, at least k], filled up with -1.
        exact: likewise.
        k: the cutoff.
    """
    shares = 0.0
    for start in range(0, len(listed), _BLOCK):
        mine, wanted = listed[start : start + _BLOCK, :k], exact[start : start + _BLOCK, :k]
        found = (wanted[:, :, None] == mine[:, None, :]).any(axis=2) & (wanted >= 0)
        shares += float((found.sum(axis=1) / np.maximum(1, (wanted >= 0).sum(axis=1))).sum())
    return shares / len(listed)
