"""Popularity: the last resort, for sessions of which nothing is known.

Owns the making of `popular.npy`. Callers: `retrain.releases.release_building`; served through
`models.recommender` and the lookup.
"""

import numpy as np
from numpy.typing import NDArray

from models.ranking import SCORED_ROW

MAX_POPULAR = 1000
"""How many items a release lists: enough to be filtered and still fill any list."""


def most_popular(item_rows: NDArray[np.int32], items: int, n: int = MAX_POPULAR) -> NDArray[np.void]:
    """The items with the most events.

    Args:
        item_rows: int32 [events], the item of each training event.
        items: the size of the vocabulary.
        n: how many to list.

    Returns:
        `SCORED_ROW` [min(n, items)], score = the item's share of all events; by (score descending, row
        ascending).
    """
    counts = np.bincount(item_rows, minlength=items)
    order = np.lexsort((np.arange(items), -counts))[:n]
    popular = np.empty(len(order), dtype=SCORED_ROW)
    popular["row"] = order
    popular["score"] = counts[order] / max(1, len(item_rows))
    return popular
