"""What the lookup serves of a release and its new items: popular and similar ones that may be shown.

Owns the one reference that a swap replaces. Callers: the watchers of releases and side indexes and the
catalogue refresh (swap), the routes (read `tables` once per request).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.joint_rows import JointRows
from models.joint_similar import JointSimilar, KnownItems
from models.popularity import MAX_POPULAR
from models.release import ReleaseTables
from models.side_index import SideIndex
from models.vocabulary import UNKNOWN
from schemas.ids import ItemId
from schemas.recommendation_list import ScoredItem
from streams.availability import Availability


@dataclass(frozen=True, eq=False)
class ServedTables:
    """The tables of one release and one side index under one version of the catalogue; immutable."""

    release: ReleaseTables
    items: JointRows
    neighbours: JointSimilar | None
    """Where there are new items."""
    unavailable: NDArray[np.bool_] | None
    """bool [items + new items]; None where all may be shown."""

    @property
    def side_index_version(self) -> int | None:
        """The version of the side index; None without one."""
        return None if self.items.side_index is None else self.items.side_index.version

    @cached_property
    def popular(self) -> list[ScoredItem]:
        """The items that may be shown, most popular first, as the worker lists them."""
        return self._scored(self.items.popular, MAX_POPULAR)

    def similar(self, item_id: ItemId, k: int) -> list[ScoredItem] | None:
        """At most k neighbours of an item that may be shown, nearest first; None for an unknown item.

        Where `neighbours` are, it may take as long as to score all items.
        """
        (row,) = self.items.rows([item_id])
        if row == UNKNOWN:
            return None
        near = self.release.similar[row] if self.neighbours is None else self.neighbours.of(row)
        return self._scored(near, k)

    def _scored(self, scored: NDArray[np.void], k: int) -> list[ScoredItem]:
        if self.unavailable is not None:
            scored = scored[~self.unavailable[scored["row"]]]
        scored = scored[:k]
        item_ids = self.items.item_ids(scored["row"].tolist())
        return [ScoredItem(*one) for one in zip(item_ids, scored["score"].tolist(), strict=True)]


class Prepared(NamedTuple):
    """What may be served in the place of something."""

    before: ServedTables
    after: ServedTables


class CurrentTables:
    """The tables that are served now; None before the first release."""

    def __init__(self) -> None:
        self.tables: ServedTables | None = None
        self.availability = Availability()
        self._known: KnownItems | None = None

    @property
    def release(self) -> ReleaseTables | None:
        """The release that is served."""
        return self.tables.release if self.tables else None

    @property
    def side_index(self) -> SideIndex | None:
        """Its new items; None before the first side index of the release."""
        return self.tables.items.side_index if self.tables else None

    def use_release(self, release: ReleaseTables) -> None:
        """Serve another release from the next request on.

        One that is announced once more keeps its side index; with another it goes.
        """
        is_same = self.release is not None and self.release.manifest == release.manifest
        side = self.side_index if is_same else None
        self._known = KnownItems(release)
        self.tables = self._tables(release, side, None if side is None else JointSimilar(self._known, side))

    def with_side_index(self, side: SideIndex) -> Prepared | None:
        """What is served with other new items, for `use_side_index`; may be called in another thread.

        None where another release serves by now.
        """
        before, known = self.tables, self._known
        if before is None or known is None or known.release.release_id != side.release_id:
            return None
        neighbours = JointSimilar(known, side) if len(side) else None
        return Prepared(before, self._tables(known.release, side, neighbours))

    def use_side_index(self, prepared: Prepared) -> bool:
        """Serve other new items from the next request on.

        Returns:
            Whether it is done; not where release or catalogue are others than when it was prepared.
        """
        if self.tables is not prepared.before:
            return False
        self.tables = prepared.after
        return True

    def use_availability(self, availability: Availability) -> None:
        """Apply another version of the catalogue from the next request on."""
        self.availability = availability
        if self.tables is not None:
            self.tables = self._tables(self.tables.release, self.side_index, self.tables.neighbours)

    def _tables(
        self, release: ReleaseTables, side: SideIndex | None, neighbours: JointSimilar | None
    ) -> ServedTables:
        mask = self.availability.mask(release.vocabulary, None if side is None else side.vocabulary)
        return ServedTables(release, JointRows(release, side), neighbours, mask)
