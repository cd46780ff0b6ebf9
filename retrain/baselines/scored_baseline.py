"""Scored baselines: a rule that scores some items for each prefix -> a model that can be evaluated.

Owns the batches, the order of the lists and their filling; the rule is a function of another module.
Callers: `retrain.baselines` (all that score by sparse matrices).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.vocabulary import Vocabulary
from retrain.baselines.session_prefixes import SessionPrefixes, session_prefixes
from retrain.baselines.sparse_ranking import filling_scores, ranked_lists
from retrain.evaluation.next_item_model import ListedItems

_BATCH = 512
"""SessionPrefixes scored at once; bounds the memory."""


@dataclass(frozen=True, eq=False)
class ScoredBaseline:
    """A `NextItemModel` that also `ScoresAllItems`."""

    name: str
    vocabulary: Vocabulary
    """Its rows by falling popularity: the order in which short lists are filled."""
    session_gap_s: float
    """See `models.session_rule.starts_session`."""
    score: Callable[[SessionPrefixes], csr_array]
    """Scores [n, items] of n prefixes; an item that is not found has none, or one ≤ 0."""

    def lists(self, events: pl.DataFrame, k: int) -> ListedItems:
        """See `retrain.evaluation.next_item_model.NextItemModel.lists`."""
        prefixes = session_prefixes(events, self.vocabulary, self.session_gap_s)
        parts = [ranked_lists(self.score(part), k) for _, part in prefixes.parts(_BATCH)]
        rows, scores = zip(*parts, strict=True)
        return ListedItems(np.concatenate(rows), np.concatenate(scores))

    def all_scores(self, events: pl.DataFrame) -> NDArray[np.float32]:
        """See `retrain.evaluation.next_item_model.ScoresAllItems`; items that are not found score below 0."""
        prefixes = session_prefixes(events, self.vocabulary, self.session_gap_s)
        found = self.score(prefixes).toarray().astype(np.float32)
        return np.where(found > 0, found, filling_scores(len(self.vocabulary)))
