"""The searches of sessions that begin, remembered: sessions that begin with the same item ask the same.

The query of a session's first event depends on its item and type alone, and popular items begin many
sessions: a fifth to a quarter of all searches were made before. What is remembered is what the index answered
to the same query, so nothing changes but the time. Caller: `models.list_ranker`.
"""

import numpy as np
from numpy.typing import NDArray

from index.item_index import ItemIndex

_PLACES = 16_384
"""Searches remembered; the oldest makes room. With 48 candidates each 6 MiB, and as much for the queries."""
Found = tuple[NDArray[np.int32], NDArray[np.float32]]


class SearchMemory:
    """The search of one index for always as many items; by one thread at a time."""

    def __init__(self, index: ItemIndex, n: int, items: int) -> None:
        """Remember searches.

        Args:
            index: what is searched.
            n: how many items are wanted.
            items: of the index.
        """
        self._index = index
        self._n = min(n, items)
        self._places: dict[bytes, int] = {}
        self._queries: list[bytes] = []
        self._next = 0
        self._rows = np.empty((_PLACES, self._n), dtype=np.int32)
        self._scores = np.empty((_PLACES, self._n), dtype=np.float32)

    def search(self, queries: NDArray[np.float32], begin: NDArray[np.bool_]) -> Found:
        """The n best items of each query; see `ItemIndex.search`.

        Args:
            queries: float32 [batch, dim].
            begin: bool [batch], whose answers are remembered.
        """
        names = {at: queries[at].tobytes() for at in np.flatnonzero(begin).tolist()}
        places = {at: place for at, name in names.items() if (place := self._places.get(name)) is not None}
        if not places:
            found = self._index.search(queries, self._n)
            self._remember(names, range(len(queries)), found)
            return found
        shape = len(queries), self._n
        rows, scores = np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.float32)
        known, where = list(places), list(places.values())
        rows[known], scores[known] = self._rows[where], self._scores[where]
        new = [at for at in range(len(queries)) if at not in places]
        if new:
            found = self._index.search(queries[new], self._n)
            rows[new], scores[new] = found
            self._remember(names, new, found)
        return rows, scores

    def _remember(self, names: dict[int, bytes], searched: "range | list[int]", found: Found) -> None:
        """Keep what was found for named queries, in the places of the oldest."""
        for line, at in enumerate(searched):
            name = names.get(at)
            if name is None or name in self._places:
                continue
            place = self._next
            if len(self._queries) == _PLACES:
                del self._places[self._queries[place]]
                self._queries[place] = name
            else:
                self._queries.append(name)
            self._places[name] = place
            self._rows[place], self._scores[place] = found[0][line], found[1][line]
            self._next = (place + 1) % _PLACES
