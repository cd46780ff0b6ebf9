"""Evaluation: every prefix of every test session through the recommender that serves, against its next item.

Owns the protocol: each event but the last of a session is answered by a list, whose hit is the item of the
session's next event; all items are ranked; a target that the release does not know is a miss.
Callers: `retrain.training_commands`, the gate of `retrain`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.recommender import Recommendation, Recommender, SessionEvent
from retrain.ranking_metrics import mrr_at_k, ndcg_at_k, recall_at_k, target_ranks
from schemas.errors import UsageError
from schemas.item_event import ItemEvent

BATCH_EVENTS = 8192
"""About so many events are answered at once, sessions whole; bounds the memory."""
_NONE = -1
_FIELDS = ("session_id", "item_id", "event_type", "occurred_at_ms", "event_id")


@dataclass(frozen=True)
class Evaluation:
    """What was measured."""

    n: int
    """Predictions: all prefixes."""
    sessions: int
    """Test sessions of at least two events."""
    unseen_targets: int
    """Predictions whose target the release does not know: misses, counted in `n`."""
    metrics: dict[str, float]
    """`recall@k`, `mrr@k` and `ndcg@k` for each cutoff."""


def evaluate(
    recommender: Recommender,
    events: pl.DataFrame,
    cutoffs: Sequence[int],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Evaluation:
    """Evaluate a release, the filters of the recommender included.

    Args:
        recommender: its list length must reach the greatest cutoff.
        events: the test events in log order, columns as of `schemas.event_files.read_events`.
        cutoffs: the k of the metrics.
        progress: called with the predictions made and their total.

    Raises:
        UsageError: no session has two events.
    """
    assert max(cutoffs) <= recommender.k
    prefixes = _prefixes(events)
    if prefixes.is_empty():
        raise UsageError(f"nothing to predict: of {len(events)} test events no two are of one session")
    vocabulary = recommender.release.vocabulary
    targets = vocabulary.rows(prefixes["target"])
    ranks = np.zeros(len(prefixes), dtype=np.int64)
    for part in _batches(prefixes["session_id"]):
        outcome = recommender.recommend({}, _session_events(prefixes[part]))
        ranks[part] = target_ranks(_listed_rows(outcome.recommendations, recommender.k), targets[part])
        progress(part.stop, len(prefixes))
    return Evaluation(
        n=len(prefixes),
        sessions=prefixes["session_id"].n_unique(),
        unseen_targets=int((targets < 0).sum()),
        metrics=_metrics(ranks, cutoffs),
    )


def _prefixes(events: pl.DataFrame) -> pl.DataFrame:
    """The events but the last of each session, the next item as `target`: session by session, in log order.

    Sessions do not touch one another: this order gives the same lists as the log's own.
    """
    return (
        events.with_columns(
            pl.col("occurred_at_ms").forward_fill().backward_fill().over("session_id").fill_null(0)
        )  # a missing time is never a gap, as in sessionizing
        .group_by("session_id", maintain_order=True)
        .agg(pl.all(), target=pl.col("item_id").shift(-1))
        .explode(*(name for name in events.columns if name != "session_id"), "target")
        .drop_nulls("target")
    )


def _batches(session_ids: pl.Series) -> Iterator[slice]:
    """Slices of at least `BATCH_EVENTS` rows that end where a session ends."""
    ends = np.flatnonzero(session_ids.ne_missing(session_ids.shift(-1)).to_numpy()) + 1
    start = 0
    while start < len(session_ids):
        enough = min(start + BATCH_EVENTS, len(session_ids))
        end = int(ends[np.searchsorted(ends, enough)])
        yield slice(start, end)
        start = end


def _session_events(prefixes: pl.DataFrame) -> list[SessionEvent]:
    fields = [name for name in _FIELDS if name in prefixes.columns]
    rows: Iterator[dict[str, Any]] = prefixes.select(fields).iter_rows(named=True)
    return [SessionEvent(ItemEvent(**row), partition=0) for row in rows]


def _listed_rows(recommendations: Sequence[Recommendation | None], k: int) -> NDArray[np.int32]:
    listed = np.full((len(recommendations), k), _NONE, dtype=np.int32)
    for at, recommendation in enumerate(recommendations):
        assert recommendation is not None
        rows = recommendation.ranked.rows
        listed[at, : len(rows)] = rows
    return listed


def _metrics(ranks: NDArray[np.int64], cutoffs: Sequence[int]) -> dict[str, float]:
    named = {"recall": recall_at_k, "mrr": mrr_at_k, "ndcg": ndcg_at_k}
    return {f"{name}@{k}": metric(ranks, k) for k in cutoffs for name, metric in named.items()}
