"""Fixed lists: the same scores for every event -> a model that can be evaluated.

Owns nothing but the repetition. Caller: `retrain.baselines.registry`.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.vocabulary import Vocabulary
from retrain.evaluation.next_item_model import ListedItems


@dataclass(frozen=True, eq=False)
class FixedListBaseline:
    """A `NextItemModel` that also `ScoresAllItems`."""

    name: str
    vocabulary: Vocabulary
    scores: NDArray[np.float32]
    """float32 [items]."""

    def lists(self, events: pl.DataFrame, k: int) -> ListedItems:
        """See `retrain.evaluation.next_item_model.NextItemModel.lists`."""
        best = np.argsort(-self.scores, kind="stable")[:k].astype(np.int32)
        missing = (0, k - len(best))
        rows = np.pad(best, missing, constant_values=-1)
        scores = np.pad(self.scores[best], missing, constant_values=-np.inf)
        n = len(events)
        return ListedItems(np.tile(rows, (n, 1)), np.tile(scores, (n, 1)))

    def all_scores(self, events: pl.DataFrame) -> NDArray[np.float32]:
        """See `retrain.evaluation.next_item_model.ScoresAllItems`."""
        return np.tile(self.scores, (len(events), 1))
