"""Factor baselines: an inner product of a session's query with each item's vector -> an evaluable model.

Owns the batches and the lists; the queries are a function of another module. Callers:
`retrain.baselines.als_baseline`, `retrain.baselines.bpr_baseline`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from index.exact_index import ExactIndex
from models.vocabulary import Vocabulary
from retrain.baselines.session_prefixes import SessionPrefixes, session_prefixes
from retrain.baselines.sparse_ranking import filling_scores
from retrain.evaluation.next_item_model import ListedItems

_BATCH = 256
"""Prefixes scored at once; bounds the memory."""


@dataclass(frozen=True, eq=False)
class FactorBaseline:
    """A `NextItemModel` that also `ScoresAllItems`. Popular items where nothing is known."""

    name: str
    vocabulary: Vocabulary
    session_gap_s: float
    """See `models.session_rule.starts_session`."""
    item_vectors: NDArray[np.float32]
    """float32 [items, dim]."""
    queries: Callable[[SessionPrefixes], NDArray[np.float32]]
    """float32 [n, dim] for n prefixes."""

    def lists(self, events: pl.DataFrame, k: int) -> ListedItems:
        """See `retrain.evaluation.next_item_model.NextItemModel.lists`."""
        index = ExactIndex(self.item_vectors)
        prefixes = session_prefixes(events, self.vocabulary, self.session_gap_s)
        n = len(prefixes)
        listed = ListedItems(np.full((n, k), -1, dtype=np.int32), np.full((n, k), -np.inf, dtype=np.float32))
        length = min(k, len(self.vocabulary))
        for part, some in prefixes.parts(_BATCH):
            listed.rows[part, :length], listed.scores[part, :length] = index.search(
                self.queries(some), length
            )
        listed.rows[prefixes.empty, :length] = np.arange(length)
        listed.scores[prefixes.empty, :length] = filling_scores(len(self.vocabulary))[:length]
        return listed

    def all_scores(self, events: pl.DataFrame) -> NDArray[np.float32]:
        """See `retrain.evaluation.next_item_model.ScoresAllItems`."""
        prefixes = session_prefixes(events, self.vocabulary, self.session_gap_s)
        scores: NDArray[np.float32] = self.queries(prefixes) @ self.item_vectors.T
        scores[prefixes.empty] = filling_scores(len(self.vocabulary))
        return scores
