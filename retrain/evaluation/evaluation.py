"""Evaluation in short: the accuracy of one model on one part of a log.

Owns the figures that a gate or a test needs; `retrain.evaluation.evaluation_building` makes the whole report
of `millrace evaluate`. Callers: `retrain.releases.release_judging`, whoever compares two models in code.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from retrain.evaluation.next_item_model import NextItemModel
from retrain.evaluation.predictions import Progress, predict
from retrain.evaluation.prefixes import prefixes_of
from retrain.evaluation.ranking_metrics import METRICS


@dataclass(frozen=True)
class Evaluation:
    """What was measured."""

    n: int
    """Predictions: all prefixes."""
    sessions: int
    """Test sessions of at least two events."""
    unseen_targets: int
    """Predictions whose target the model does not know: misses, counted in `n`."""
    metrics: dict[str, float]
    """`recall@k`, `mrr@k` and `ndcg@k` for each cutoff."""


def evaluate(
    model: NextItemModel,
    events: pl.DataFrame,
    cutoffs: Sequence[int],
    progress: Progress = lambda _done, _total: None,
) -> Evaluation:
    """Evaluate a model: every prefix of every session predicts the next item.

    Args:
        model: a release (`retrain.evaluation.served_release`) or a baseline.
        events: the test events in log order, columns as of `schemas.event_files.read_events`.
        cutoffs: the k of the metrics.
        progress: see `retrain.evaluation.predictions.Progress`.

    Raises:
        UsageError: no session has two events.
    """
    prefixes = prefixes_of(events)
    predictions = predict(model, prefixes, max(cutoffs), progress)
    return Evaluation(
        n=len(prefixes),
        sessions=prefixes.sessions,
        unseen_targets=predictions.unseen_targets,
        metrics={
            f"{name}@{k}": float(metric(predictions.ranks, k).mean())
            for k in cutoffs
            for name, metric in METRICS.items()
        },
    )
