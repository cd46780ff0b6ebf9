"""NewItemCounts: what events tell of each new item, recent ones more than old ones.

Owns the sums: of the queries that led to an item, of its events, of the queries that it could have answered
since it appeared. All of them are halved with time, in a quiet shop later: when enough queries have gone by.
Caller: `retrain.side_index.new_items`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.ids import ItemId

Floats = NDArray[np.float64]


class Halving(NamedTuple):
    """When a sum counts half: after this time, and this many queries, whichever comes later."""

    seconds: float
    queries: float

    def share(self, passed_s: float, queries: float) -> float:
        """What is left of a sum."""
        halvings = min(passed_s / self.seconds, queries / self.queries)
        return float(0.5 ** max(0.0, halvings))


class Sums(NamedTuple):
    """The sums of some new items."""

    queries: Floats
    """float64 [items, index_dim], of the queries that led to each."""
    led: Floats
    """float64 [items], how many."""
    events: Floats
    """float64 [items], the item's events, whatever led to it."""
    exposure: Floats
    """float64 [items], queries of anyone since the item appeared."""


class NewItemCounts:
    """The sums of all new items that were met."""

    def __init__(self, index_dim: int, halving: Halving) -> None:
        """Begin with nothing.

        Args:
            index_dim: of a query.
            halving: how fast sums are forgotten.
        """
        self._halving = halving
        self._places: dict[ItemId, int] = {}
        self._sums = _empty(index_dim, 64)
        self._now_ms: int | None = None
        self.queries = 0.0
        """Of anyone, known items' too."""
        self.events = 0.0
        """Likewise."""

    def __len__(self) -> int:
        return len(self._places)

    @property
    def item_ids(self) -> list[ItemId]:
        """The items that were met, in the order in which they appeared."""
        return list(self._places)

    def pass_by(self, now_ms: int, queries: int, events: int) -> float:
        """Time passes, and queries and events of any item.

        Returns:
            What is left of older sums.
        """
        before, self._now_ms = self._now_ms, max(now_ms, self._now_ms or now_ms)
        passed_s = 0.0 if before is None else (self._now_ms - before) / 1000
        share = self._halving.share(passed_s, queries)
        for one in self._sums:
            np.multiply(one, share, out=one)
        self._sums.exposure[: len(self)] += queries
        self.queries = self.queries * share + queries
        self.events = self.events * share + events
        return share

    def meet(self, item_id: ItemId) -> int:
        """The item's place; a new one where it was not met before."""
        place = self._places.get(item_id)
        if place is None:
            place = self._places[item_id] = len(self._places)
            if place == len(self._sums.led):
                self._sums = Sums(*(np.concatenate([one, np.zeros_like(one)]) for one in self._sums))
        return place

    def count(self, item_id: ItemId, query: NDArray[np.float32] | None) -> None:
        """One event of a new item.

        Args:
            item_id: of it.
            query: float32 [index_dim], of the session's event before; None where there was none.
        """
        place = self.meet(item_id)
        self._sums.events[place] += 1
        if query is not None:
            self._sums.queries[place] += query
            self._sums.led[place] += 1

    def keep(self, item_ids: list[ItemId]) -> None:
        """Forget all items but these."""
        places = [self._places[item_id] for item_id in item_ids]
        kept = Sums(*(one[places] for one in self._sums))
        self._sums = _empty(kept.queries.shape[1], max(64, len(places)))
        for new, old in zip(self._sums, kept, strict=True):
            new[: len(places)] = old
        self._places = {item_id: place for place, item_id in enumerate(item_ids)}

    def sums(self, item_ids: list[ItemId]) -> Sums:
        """The sums of items that were met."""
        places = [self._places[item_id] for item_id in item_ids]
        return Sums(*(one[places] for one in self._sums))


def _empty(index_dim: int, items: int) -> Sums:
    return Sums(np.zeros((items, index_dim)), np.zeros(items), np.zeros(items), np.zeros(items))
