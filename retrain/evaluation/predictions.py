"""Predictions: the list and the rank for every prefix of a log, by any model.

Owns the batches and the arrays; a model answers whole sessions, a batch at a time. All metrics are pure
functions of what is made here. Caller: `retrain.evaluation.evaluation` and what is built on it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.vocabulary import UNKNOWN
from retrain.evaluation.next_item_model import NextItemModel
from retrain.evaluation.prefixes import Prefixes
from retrain.evaluation.ranking_metrics import Ranks, target_ranks

Progress = Callable[[int, int], None]
"""Called with the events answered and their total."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one model answered."""

    prefixes: Prefixes
    """What was predicted; n prefixes."""
    target_rows: NDArray[np.int32]
    """int32 [n]: the target's row in the model's vocabulary, or `UNKNOWN`."""
    listed_rows: NDArray[np.int32]
    """int32 [n, k]: the lists, best first, filled up with -1."""
    ranks: Ranks
    """[n]: the target's rank from 1, or 0: not in the list, or not known."""

    @property
    def unseen_targets(self) -> int:
        """Predictions whose target the model does not know."""
        return int((self.target_rows == UNKNOWN).sum())


def predict(
    model: NextItemModel, prefixes: Prefixes, k: int, progress: Progress = lambda _done, _total: None
) -> Predictions:
    """Let a model answer every prefix.

    Args:
        model: what answers.
        prefixes: what to predict.
        k: the length of the lists; a target beyond it has rank 0.
        progress: see `Progress`.
    """
    target_rows = model.vocabulary.rows(prefixes.targets)
    listed = np.empty((len(prefixes), k), dtype=np.int32)
    done = 0
    for part in prefixes.batches():
        rows = model.lists(prefixes.events[part], k).rows[prefixes.predicted[part]]
        listed[done : done + len(rows)] = rows
        done += len(rows)
        progress(part.stop, len(prefixes.events))
    return Predictions(prefixes, target_rows, listed, _ranks(listed, target_rows))


def _ranks(listed: NDArray[np.int32], target_rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """In blocks: the comparison of all lists at once would take more memory than the lists."""
    block = 1 << 16
    starts = range(0, len(listed), block)
    parts = [target_ranks(listed[at : at + block], target_rows[at : at + block]) for at in starts]
    return np.concatenate(parts).astype(np.int32)
