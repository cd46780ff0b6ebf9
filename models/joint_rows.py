"""JointRows: the items of a release and those of its side index under one numbering.

Owns the numbering: a release's rows come first, then those of the side index. Without a side index it is the
release's own, and nothing is added to any step. Callers: `models.list_ranker`, the lookup.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.release import ReleaseTables
from models.servable_model import index_vectors
from models.side_index import SideIndex
from models.vocabulary import UNKNOWN
from schemas.ids import ItemId, ReleaseId

Candidates = tuple[NDArray[np.int32], NDArray[np.float32]]


class JointRows:
    """All items that a list may hold; immutable."""

    def __init__(self, release: ReleaseTables, side: SideIndex | None) -> None:
        """Number the items.

        Args:
            release: what is served.
            side: its new items; None where there are none.
        """
        self.side_index = side
        """As it was given, also where it has no items."""
        self.side = side if side is not None and len(side) else None
        """Where it has items, the same; else None."""
        self.popular = release.popular if self.side is None else _joint_popular(release, self.side)
        """`SCORED_ROW` [p], most popular first."""
        self._release = release
        self._items = release.manifest.items
        self._vectors = index_vectors(release.item_vectors, release.manifest.encoder.index_dim)
        self._side_rows: dict[ItemId, int] = {}
        if self.side is not None:
            self._side_rows = {
                item_id: self._items + row for item_id, row in self.side.vocabulary.known_rows.items()
            }

    def __len__(self) -> int:
        return self._items + self.new

    @property
    def new(self) -> int:
        """How many of them are new."""
        return 0 if self.side is None else len(self.side)

    @property
    def release_id(self) -> ReleaseId:
        """The release that they are of, or new to."""
        return self._release.release_id

    def hashes(self, rows: NDArray[np.int32]) -> NDArray[np.uint8]:
        """The hashes of the items at rows of lists, uint8 [n, ITEM_BYTES]; see `models.item_hashes`.

        Args:
            rows: int32 [n], none `UNKNOWN`.
        """
        known = self._release.vocabulary.item_hashes
        if self.side is None:
            return known.take(rows, axis=0)
        found, new = known.take(rows, axis=0, mode="clip"), rows >= self._items
        found[new] = self.side.vocabulary.item_hashes[rows[new] - self._items]
        return found

    def rows(self, item_ids: Iterable[ItemId]) -> list[int]:
        """The items' rows; `UNKNOWN` for one that neither knows."""
        known, new = self._release.vocabulary.known_rows.get, self._side_rows.get
        if not self._side_rows:
            return [known(item_id, UNKNOWN) for item_id in item_ids]
        return [
            row if (row := known(item_id, UNKNOWN)) != UNKNOWN else new(item_id, UNKNOWN)
            for item_id in item_ids
        ]

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the rows are scored by, float32 [n, index_dim]; of `UNKNOWN` any.

        Args:
            rows: int64 [n].
        """
        if self.side is None:
            return self._vectors[np.maximum(rows, 0)]
        found = self._vectors[np.clip(rows, 0, self._items - 1)]
        new = rows >= self._items
        found[new] = self.side.vectors[rows[new] - self._items]
        return found

    def side_candidates(self, queries: NDArray[np.float32], n: int) -> Candidates | None:
        """The n new items with the greatest scores, as `SideIndex.search` finds them; None without any."""
        if self.side is None:
            return None
        rows, scores = self.side.search(queries, n)
        return rows + np.int32(self._items), scores

    def item_ids(self, rows: Sequence[int]) -> list[ItemId]:
        """The ids at rows of lists."""
        known, items = self._release.vocabulary.item_ids, self._items
        if self.side is None:
            return list(map(known.__getitem__, rows))
        new = self.side.vocabulary.item_ids
        return [known[row] if row < items else new[row - items] for row in rows]


def _joint_popular(release: ReleaseTables, side: SideIndex) -> NDArray[np.void]:
    """The popular items of both by share, those of the release first where shares are equal."""
    new = side.popular.copy()
    new["row"] += release.manifest.items
    joint = np.concatenate([release.popular, new])
    return joint[np.argsort(-joint["score"], kind="stable")]
