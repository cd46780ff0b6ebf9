"""A release's figures on the last slice of the log: through the code that serves, beside popularity.

Not owned: what a candidate must keep to (`retrain.gate`). Caller: `retrain.benches.bench_train`.
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from models.release import Release, load_release
from retrain.evaluation.evaluation import evaluate
from retrain.evaluation.served_release import ServedRelease

K = 20


def judge_release(
    folder: Path,
    events: pl.DataFrame,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, float]:
    """The figures of a release on events that it was not trained on, nothing filtered.

    Args:
        folder: the release's folder.
        events: the last slice of the log, see `retrain.event_split.test_events`.
        progress: called with the predictions made and their total.

    Returns:
        `recall@20`, `mrr@20`, `popularity_recall@20` (of the release's popular list, on the same predictions)
        and `predictions`; nothing where no session of the slice has two events.

    Raises:
        InvalidRelease: the release cannot be loaded.
    """
    release = load_release(folder)
    targets = _targets(events)
    if targets.is_empty():
        return {}
    figures = evaluate(ServedRelease(release), events, [K], progress)
    judged = {
        "recall@20": figures.metrics["recall@20"],
        "mrr@20": figures.metrics["mrr@20"],
        "popularity_recall@20": _popularity_recall(release, targets),
        "predictions": float(figures.n),
    }
    return {name: round(value, 6) for name, value in judged.items()}


def _targets(events: pl.DataFrame) -> pl.Series:
    """The item of each event that follows another of its session: what `evaluate` predicts."""
    first = pl.col("session_id").is_first_distinct()
    return events.filter(~first)["item_id"]


def _popularity_recall(release: Release, targets: pl.Series) -> float:
    popular = [release.vocabulary.item_id(row) for row in release.popular["row"][:K].tolist()]
    return float(targets.is_in(popular).sum()) / len(targets)
