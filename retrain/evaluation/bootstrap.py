"""Confidence intervals: the bootstrap over sessions.

Owns the resampling. The predictions of one session depend on each other, so whole sessions are drawn with
replacement, and a metric is the sum of its values over the sum of predictions of the sessions drawn (cluster
bootstrap: Field & Welsh 2007; percentile interval: Efron & Tibshirani 1993, chapter 13). Values may be
differences of two models on the same predictions: then the interval is paired. Callers: the sections of
evaluation.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrain.evaluation.metric_tables import IntervalTable
from retrain.evaluation.ranking_metrics import Values

CONFIDENCE = 0.95
_WEIGHTS = 1 << 22
"""Weights of sessions held at once."""


class Bootstrap(NamedTuple):
    """How to resample; equal ones draw the same sessions, so that two models are compared on the same."""

    resamples: int = 1000
    seed: int = 1


def metric_intervals(values: Values, session: NDArray[np.int32], bootstrap: Bootstrap) -> IntervalTable:
    """The interval of each metric that covers it with `CONFIDENCE`.

    Args:
        values: see `retrain.evaluation.ranking_metrics.accuracy_values`, or a difference of two.
        session: int32 [predictions], the number of each prediction's session, from 0, none left out.
        bootstrap: how to resample.
    """
    names = [(name, k) for name, at_k in values.items() for k in at_k]
    sums = np.stack([np.bincount(session, values[name][k]) for name, k in names], axis=1).astype(np.float64)
    means = resampled_means(sums, np.bincount(session), bootstrap)
    tail = 100 * (1 - CONFIDENCE) / 2
    bounds = np.percentile(means, [tail, 100 - tail], axis=0)
    table: IntervalTable = {name: {} for name in values}
    for (name, k), lower, upper in zip(names, *bounds.tolist(), strict=True):
        table[name][str(k)] = (lower, upper)
    return table


def resampled_means(
    sums: NDArray[np.float64], counts: NDArray[np.int_], bootstrap: Bootstrap
) -> NDArray[np.float64]:
    """The metrics of each resample.

    Args:
        sums: float64 [sessions, metrics], the sum of each metric's values in each session.
        counts: int [sessions], the predictions of each session.
        bootstrap: how to resample.

    Returns:
        float64 [resamples, metrics].
    """
    random = np.random.default_rng(bootstrap.seed)
    sessions = len(counts)
    means = np.empty((bootstrap.resamples, sums.shape[1]))
    block = max(1, _WEIGHTS // sessions)
    for start in range(0, bootstrap.resamples, block):
        n = min(block, bootstrap.resamples - start)
        drawn = random.integers(sessions, size=(n, sessions)) + sessions * np.arange(n)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=n * sessions).reshape(n, sessions).astype(np.float64)
        means[start : start + n] = (weights @ sums) / (weights @ counts)[:, None]
    return means
