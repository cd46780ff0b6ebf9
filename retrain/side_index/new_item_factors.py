"""Vectors of new items beside a release of strategy `als`: items folded in, as sessions are for its queries.

A factorization finds each item's factors by a ridge regression over all sessions: 1 where the session has the
item, 0 where not, the former counted `alpha` times (Hu, Koren & Volinsky 2008, equation 5). For a new item
the recent queries stand for the sessions. How often an item is met is so in the length of its vector, as it
is in those of known items. The mean of its kind is added, less of it the more queries have led to the item,
or have not. Pure. Figures: docs/new-items.md. Caller: `retrain.side_index.new_items`.

With q the mean of the n queries that led to an item, E recent events, C the mean of q qt over recent queries
and M the regularization in the space of the index's vectors:
(E C + M + (alpha - 1) n q qt) v = alpha n q. In the basis in which C and M are diagonal only the last term of
the left side is left, of rank one (Sherman & Morrison 1950).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from retrain.side_index.new_item_counts import Floats
from retrain.side_index.new_item_vectors import KIND_WEIGHT, TRIAL_QUERIES
from retrain.side_index.query_spaces import Learned

MODERATION = 0.5
"""The share of a fitted vector that is used. Known items were fitted to sessions that hold them, and score
lower in what was there before; new ones are fitted to just that, and would crowd them out."""


class FactorSpace:
    """The space of a factorization whose sessions are folded in."""

    def __init__(self, vectors: NDArray[np.float32], regularization: float, alpha: float) -> None:
        """See `retrain.side_index.query_spaces.QuerySpace`.

        Args:
            vectors: float32 [items, factors], whitened; see `models.als_fold_in`.
            regularization: of the training, > 0.
            alpha: the confidence of the training.
        """
        self._alpha = alpha
        self._length = float(np.median(np.linalg.norm(vectors, axis=1)))
        self._ridge = whitened_ridge(vectors, regularization)

    def vectors(self, learned: Learned) -> NDArray[np.float32]:
        """The vectors of the new items, float32 [items, factors]."""
        sums = learned.sums
        trial = TRIAL_QUERIES / (sums.exposure + TRIAL_QUERIES) * KIND_WEIGHT / (sums.led + KIND_WEIGHT)
        of_kind = learned.of_kind.directions * (self._length * trial)[:, None]
        vectors: Floats = MODERATION * self._fitted(learned) + of_kind
        return vectors.astype(np.float32)

    def _fitted(self, learned: Learned) -> Floats:
        """The solutions v above, float64 [items, factors]."""
        led, sample = learned.sums.led[:, None], learned.sample.astype(np.float64)
        values, axes = eigh(sample.T @ sample / len(sample), self._ridge)
        mean = learned.sums.queries / np.maximum(led, 1e-12) @ axes
        towards = mean / (learned.events * np.maximum(values, 0) + 1)
        reached = (mean * towards).sum(axis=1, keepdims=True)
        fitted: Floats = self._alpha * led / (1 + (self._alpha - 1) * led * reached) * towards @ axes.T
        return fitted


def whitened_ridge(vectors: NDArray[np.float32], regularization: float) -> Floats:
    """What the regularization of item factors is to their whitened vectors, float64 [factors, factors].

    Of factors Y it is regularization * I; v = (YtY + regularization I)^-1/2 y, so it becomes
    regularization * (YtY + regularization I), which is regularization^2 * (I - VtV)^-1.
    """
    wide = vectors.astype(np.float64)
    left = np.eye(wide.shape[1]) - wide.T @ wide
    values, axes = np.linalg.eigh(left)
    ridge: Floats = axes * (regularization**2 / np.maximum(values, 1e-6)) @ axes.T
    return ridge
