"""KindEvidence: what the known items of its category and brand tell of a new item, before anyone has seen it.

Owns the means of the kinds, made again when the catalogue has changed.
Caller: `retrain.side_index.new_items`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.vocabulary import Vocabulary
from retrain.side_index.item_kinds import ItemKinds, Kind
from retrain.side_index.new_item_counts import Floats
from schemas.ids import ItemId


class OfKind(NamedTuple):
    """What is expected of some items for their kinds."""

    directions: Floats
    """float64 [items, dim], the mean direction of the known items of its kinds; zeros without any."""
    events: Floats
    """float64 [items], the events that one of them has had on average."""


class KindEvidence:
    """The kinds of the items of one release."""

    def __init__(self, kinds: ItemKinds, vocabulary: Vocabulary, vectors: NDArray[np.float32]) -> None:
        """Look at nothing yet.

        Args:
            kinds: what the shop says of items; may change meanwhile.
            vocabulary: of the release.
            vectors: float32 [items, dim], of its items, without their biases.
        """
        self._kinds = kinds
        self._vocabulary = vocabulary
        self._vectors = vectors
        self._version = -1
        self._rows: dict[Kind, NDArray[np.int64]] = {}
        self._means: dict[Kind, Floats] = {}

    def of(self, item_ids: list[ItemId], known_events: Floats) -> OfKind:
        """What the kinds of new items tell.

        Args:
            item_ids: of the new items.
            known_events: float64 [items of the release], the events that each has had.
        """
        self._refresh()
        directions = np.zeros((len(item_ids), self._vectors.shape[1]))
        events = np.zeros(len(item_ids))
        for at, item_id in enumerate(item_ids):
            if found := [kind for kind in self._kinds.kinds(item_id) if kind in self._rows]:
                directions[at] = np.mean([self._mean(kind) for kind in found], axis=0)
                events[at] = np.mean([known_events[self._rows[kind]].mean() for kind in found])
        return OfKind(directions, events)

    def _refresh(self) -> None:
        if self._version != self._kinds.version:
            self._version = self._kinds.version
            rows = self._kinds.known_rows(self._vocabulary)
            self._rows = {kind: np.array(some, dtype=np.int64) for kind, some in rows.items()}
            self._means = {}

    def _mean(self, kind: Kind) -> Floats:
        """The mean direction of a kind, float64 [dim]."""
        if kind not in self._means:
            vectors = self._vectors[self._rows[kind]].astype(np.float64)
            lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            self._means[kind] = (vectors / lengths).mean(axis=0)
        return self._means[kind]
