"""QuerySpace: where a release's queries and items lie, and so what vector a new item gets there.

Owns the interface between what is learned of new items and their vectors. Implementations:
`retrain.side_index.new_item_vectors` (releases of strategy `gru4rec`), `retrain.side_index.new_item_factors`
(`als`). Caller: `retrain.side_index.new_items`.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from retrain.side_index.kind_evidence import OfKind
from retrain.side_index.new_item_counts import Sums


class Learned(NamedTuple):
    """What events and catalogue tell of some new items."""

    sums: Sums
    of_kind: OfKind
    sample: NDArray[np.float32]
    """float32 [n, index_dim], of what was searched lately, by anyone; at least one query."""
    events: float
    """Of any item, as much as is left of them; at least 1."""


class QuerySpace(Protocol):
    """The space of one release."""

    def vectors(self, learned: Learned) -> NDArray[np.float32]:
        """The vectors of the new items, float32 [items, index_dim].

        Their inner products with a query are of one scale with those of the release's own items.
        """
        ...
