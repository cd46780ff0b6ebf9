"""Negative sampling: items drawn with probability ~ popularity ** alpha (Hidasi & Karatzoglou 2018).

Owns the table that is drawn from. Caller: `retrain.training`.
"""

import numpy as np
from numpy.typing import NDArray


class NegativeSampler:
    """Draws rows of items, with replacement."""

    def __init__(self, counts: NDArray[np.int64], alpha: float) -> None:
        """Make the table.

        Args:
            counts: int64 [items], the training events of each item; at least one is positive.
            alpha: 0 draws uniformly, 1 by popularity; an item without an event is drawn for alpha = 0 only.
        """
        weights = counts.astype(np.float64) ** alpha
        self.probabilities = weights / weights.sum()
        """float64 [items], of each item at one draw."""
        self._cumulative = np.cumsum(self.probabilities)
        self._cumulative /= self._cumulative[-1]

    def draw(self, n: int, random: np.random.Generator) -> NDArray[np.int64]:
        """The rows of n items, int64 [n]."""
        return np.searchsorted(self._cumulative, random.random(n), side="right")
