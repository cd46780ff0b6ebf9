"""What the lookup serves of a release: popular and similar items, without those that must not be shown.

Owns the one reference that a swap replaces. Callers: the release watcher and the catalogue refresh (swap),
the routes (read `tables` once per request).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.release import ReleaseTables
from models.vocabulary import UNKNOWN
from schemas.ids import ItemId
from schemas.recommendation_list import ScoredItem
from streams.availability import Availability


@dataclass(frozen=True)
class ServedTables:
    """The tables of one release under one version of the catalogue; immutable."""

    release: ReleaseTables
    unavailable: NDArray[np.bool_] | None
    """bool [items]; None where all may be shown."""

    @cached_property
    def popular(self) -> list[ScoredItem]:
        """All listed items that may be shown, most popular first."""
        return self._items(self.release.popular)

    def similar(self, item_id: ItemId, k: int) -> list[ScoredItem] | None:
        """At most k neighbours of an item that may be shown, nearest first; None for an unknown item."""
        row = self.release.vocabulary.row(item_id)
        return None if row == UNKNOWN else self._items(self.release.similar[row])[:k]

    def _items(self, scored: NDArray[np.void]) -> list[ScoredItem]:
        if self.unavailable is not None:
            scored = scored[~self.unavailable[scored["row"]]]
        item_id = self.release.vocabulary.item_id
        return [ScoredItem(item_id(row), score) for row, score in scored.tolist()]


class CurrentTables:
    """The tables that are served now; None before the first release."""

    def __init__(self) -> None:
        self.tables: ServedTables | None = None
        self.availability = Availability()

    def use_release(self, release: ReleaseTables) -> None:
        """Serve another release from the next request on."""
        self.tables = ServedTables(release, self.availability.mask(release.vocabulary))

    def use_availability(self, availability: Availability) -> None:
        """Apply another version of the catalogue from the next request on."""
        self.availability = availability
        if self.tables is not None:
            self.use_release(self.tables.release)
