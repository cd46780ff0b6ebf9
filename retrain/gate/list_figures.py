"""What is measured of lists on the newest slice: ranks by the code that serves, and what the scores are like.

Owns the pass over the lists. Caller: `retrain.gate.candidate_gate`.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.release import Release
from models.vocabulary import UNKNOWN, Vocabulary
from retrain.evaluation.list_exposure import exposures
from retrain.evaluation.next_item_model import ListedItems
from retrain.evaluation.predictions import Predictions, Progress, predict
from retrain.evaluation.prefixes import Prefixes
from retrain.evaluation.ranking_metrics import mrr_at_k, recall_at_k
from retrain.evaluation.served_release import ServedRelease
from retrain.gate.gate_figures import ListFigures
from retrain.gate.gate_rules import K

_SEED = 1


@dataclass(eq=False)
class ScoreWatch:
    """A `NextItemModel` that passes a release's lists on and keeps what their scores are like."""

    model: ServedRelease
    nonfinite: int = 0
    greatest: float = 0.0
    flat: int = 0
    ranked: int = 0
    """Lists of two items or more."""

    @property
    def name(self) -> str:
        """See `NextItemModel`."""
        return self.model.name

    @property
    def vocabulary(self) -> Vocabulary:
        """See `NextItemModel`."""
        return self.model.vocabulary

    def lists(self, events: pl.DataFrame, k: int) -> ListedItems:
        """See `NextItemModel`."""
        listed = self.model.lists(events, k)
        in_list = listed.rows >= 0
        finite = in_list & np.isfinite(listed.scores)
        self.nonfinite += int((in_list & ~finite).sum())
        self.greatest = max(
            self.greatest, float(np.abs(listed.scores, where=finite, out=_zeros(finite)).max())
        )
        several = in_list.sum(axis=1) > 1
        self.ranked += int(several.sum())
        self.flat += int((several & ((listed.scores == listed.scores[:, :1]) | ~in_list).all(axis=1)).sum())
        return listed


def watched_lists(release: Release, prefixes: Prefixes, progress: Progress) -> tuple[Predictions, ScoreWatch]:
    """Let a release answer the slice."""
    watch = ScoreWatch(ServedRelease(release))
    return predict(watch, prefixes, K, progress), watch


def list_figures(release: Release, predictions: Predictions, watch: ScoreWatch) -> ListFigures:
    """The figures of a candidate's lists."""
    return ListFigures(
        predictions=len(predictions.prefixes),
        recall=recall_at_k(predictions.ranks, K),
        mrr=mrr_at_k(predictions.ranks, K),
        popularity_recall=_popularity_recall(release, predictions),
        coverage=coverage(release, predictions),
        nonfinite_scores=watch.nonfinite,
        greatest_score=watch.greatest,
        flat_lists=watch.flat / max(1, watch.ranked),
        same_lists=_commonest(predictions.listed_rows),
    )


def coverage(release: Release, predictions: Predictions) -> float:
    """Distinct items in the lists, as a share of those that could be there: all, or as many as places."""
    items, places = release.manifest.items, predictions.listed_rows.size
    shown = int((exposures(predictions.listed_rows, items) > 0).sum())
    return shown / min(items, places)


def _popularity_recall(release: Release, predictions: Predictions) -> float:
    """Of the first K of the popular list, the same for every prediction."""
    targets = predictions.target_rows
    hits = np.isin(targets, release.popular["row"][:K]) & (targets != UNKNOWN)
    return float(hits.mean())


def _commonest(listed_rows: NDArray[np.int32]) -> float:
    """The share of the list that is given most often; lists are told apart by a hash of 64 bits."""
    random = np.random.default_rng(_SEED)
    weights = random.integers(1 << 63, size=listed_rows.shape[1], dtype=np.uint64)
    hashes = (listed_rows.astype(np.int64).astype(np.uint64) * (2 * weights + 1)).sum(axis=1, dtype=np.uint64)
    _, times = np.unique(hashes, return_counts=True)
    return int(times.max()) / len(hashes)


def _zeros(like: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.zeros(like.shape, dtype=np.float32)
