"""Similar items: for each item its nearest neighbours among the item vectors, precomputed at release time.

Owns the making of `similar.npy`. Callers: `retrain.releases.release_building`; served by the lookup.
"""

import numpy as np
from numpy.typing import NDArray

from index.item_index import build_index
from models.ranking import SCORED_ROW

MAX_SIMILAR = 50
EXACT_ITEMS = 50_000
"""Beyond, an approximate index finds the neighbours; the time of exact ones grows with the square."""
_BLOCK = 1024


def nearest_items(embeddings: NDArray[np.float32], n: int = MAX_SIMILAR) -> NDArray[np.void]:
    """The n nearest items of each item by cosine, the item itself left out.

    Of a catalogue beyond `EXACT_ITEMS` some hundredth of them may be others that are nearly as near.

    Args:
        embeddings: float32 [items, dim], without the bias column.
        n: neighbours an item.

    Returns:
        `SCORED_ROW` [items, min(n, items - 1)], score = cosine; each line by (score descending, row
        ascending).
    """
    items = len(embeddings)
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    unit = np.ascontiguousarray(embeddings / np.maximum(lengths, 1e-12), dtype=np.float32)
    index = build_index("exact" if items <= EXACT_ITEMS else "pq_fastscan", unit)
    n = min(n, items - 1)
    similar = np.empty((items, n), dtype=SCORED_ROW)
    for start in range(0, items, _BLOCK):
        own = np.arange(start, min(start + _BLOCK, items))
        rows, scores = index.search(unit[own], n + 1)
        short = np.flatnonzero(rows[:, -1] < 0)
        if len(short):
            rows[short], scores[short] = build_index("exact", unit).search(unit[own[short]], n + 1)
        others = rows != own[:, None]
        others[others.all(axis=1), -1] = (
            False  # the item itself lies beyond the cut: more than n vectors equal it
        )
        similar["row"][own] = rows[others].reshape(len(own), n)
        similar["score"][own] = scores[others].reshape(len(own), n)
    return similar
