"""Similar items where a side index stands beside a release: lists of new items, and new items in lists.

The neighbours of known items are precomputed, by cosine. A new item's vector is fitted to queries, not to
other items: by cosine new items would be one another's nearest and fill every list (figures:
docs/new-items.md). So they are judged as in lists of sessions, by what a query in an item's direction finds:
its score counts how often an item is met, and is of one scale for known and new items. Of a new item's list
that is all; in a known item's list a new item has the place that it has there, and the neighbours keep their
order around it.

Pure. Owns what is remembered of known items, which lasts as long as the release. Caller:
`streams.lookup.served_tables`, in several threads.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.ranking import SCORED_ROW
from models.release import ReleaseTables
from models.servable_model import index_vectors, without_bias
from models.side_index import SideIndex
from models.similar_items import MAX_SIMILAR

REMEMBERED = 100_000
"""Items whose best scores (200 bytes each) and whose lists (600) are kept."""


class Found(NamedTuple):
    """What a query finds, best first."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class KnownItems:
    """The known items of one release, as queries in an item's direction find them."""

    def __init__(self, release: ReleaseTables) -> None:
        self.release = release
        self._vectors = index_vectors(release.item_vectors, release.manifest.encoder.index_dim)
        self._located = without_bias(self._vectors, release.manifest.strategy)
        self._best: dict[tuple[int, float], NDArray[np.float32]] = {}

    @property
    def remembered(self) -> int:
        """Of how many items and lengths the best scores are known."""
        return len(self._best)

    def located(self, rows: NDArray[np.int64] | int) -> NDArray[np.float32]:
        """Where items lie, float32 [..., dim], of length 1."""
        return of_length_one(self._located[rows])

    def search(self, query: NDArray[np.float32], without: int | None = None) -> Found:
        """The `MAX_SIMILAR` best rows, one left out; reads the vectors of all items.

        Args:
            query: float32 [index_dim].
            without: a row, or None.
        """
        scores: NDArray[np.float32] = self._vectors @ query
        if without is not None:
            scores[without] = -np.inf
        return best(scores, MAX_SIMILAR)

    def best_scores(self, row: int, query: NDArray[np.float32], length: float) -> NDArray[np.float32]:
        """The scores of `search` for the query of a known item, float32 [n], remembered by the length."""
        found = self._best.get((row, length))
        if found is None:
            found = self.search(query, row).scores
            if len(self._best) >= REMEMBERED:
                self._best.clear()
            self._best[row, length] = found
        return found


class JointSimilar:
    """Similar items of a release and its new items; immutable, but for what it remembers."""

    def __init__(self, known: KnownItems, side: SideIndex) -> None:
        """Put a side index beside the known items; one that says no `query_length` adds nothing."""
        self._known = known
        self._side = side
        self._items = known.release.manifest.items
        # In two digits, so that what is remembered of known items serves the next side index, too.
        self._length = float(f"{side.query_length:.2g}")
        self._located = of_length_one(without_bias(side.vectors, known.release.manifest.strategy))
        self._lists: dict[int, NDArray[np.void]] = {}

    def of(self, row: int) -> NDArray[np.void]:
        """The nearest items of an item, at most `MAX_SIMILAR`.

        Args:
            row: as of `models.joint_rows.JointRows`.

        Returns:
            `SCORED_ROW` [n], score = cosine, in the order above; none of a new item where the side index says
            no length.
        """
        if not self._length:
            return self._known.release.similar[row] if row < self._items else np.empty(0, dtype=SCORED_ROW)
        found = self._lists.get(row)
        if found is None:
            found = self._of_known(row) if row < self._items else self._of_new(row - self._items)
            if len(self._lists) >= REMEMBERED:
                self._lists.clear()
            self._lists[row] = found
        return found

    def _of_known(self, row: int) -> NDArray[np.void]:
        near = self._known.release.similar[row]
        located = self._known.located(row)
        query = self._query(located)
        known = self._known.best_scores(row, query, self._length)
        found = best(self._side.vectors @ query, MAX_SIMILAR)
        if len(known) == MAX_SIMILAR:  # else there is room for new ones behind all that are known
            found = Found(*(one[found.scores > known[-1]] for one in found))
        places = np.searchsorted(-known, -found.scores)
        new = self._scored(found.rows + self._items, self._located[found.rows] @ located)
        return np.insert(near, np.minimum(places, len(near)), new)[:MAX_SIMILAR]

    def _of_new(self, row: int) -> NDArray[np.void]:
        located = self._located[row]
        query = self._query(located)
        known, scores = self._known.search(query), self._side.vectors @ query
        scores[row] = -np.inf
        new = best(scores, MAX_SIMILAR)
        rows = np.concatenate([known.rows, new.rows + self._items])
        cosines = np.concatenate(
            [self._known.located(known.rows) @ located, self._located[new.rows] @ located]
        )
        order = np.argsort(-np.concatenate([known.scores, new.scores]), kind="stable")[:MAX_SIMILAR]
        return self._scored(rows[order], cosines[order])

    def _query(self, located: NDArray[np.float32]) -> NDArray[np.float32]:
        """A query in a direction; 1 takes the bias, where there is one."""
        biases = np.ones(self._side.vectors.shape[1] - len(located), dtype=np.float32)
        return np.concatenate([located * np.float32(self._length), biases])

    def _scored(self, rows: NDArray[np.int64], cosines: NDArray[np.float32]) -> NDArray[np.void]:
        scored = np.empty(len(rows), dtype=SCORED_ROW)
        scored["row"], scored["score"] = rows, cosines
        return scored


def best(scores: NDArray[np.float32], n: int) -> Found:
    """The n best scores, by (score descending, row ascending), of equal ones at the end any; none of -inf."""
    n = min(n, len(scores))
    rows = np.arange(len(scores)) if n == len(scores) else np.argpartition(-scores, n - 1)[:n]
    rows = rows[np.lexsort((rows, -scores[rows]))]
    rows = rows[~np.isneginf(scores[rows])]
    return Found(rows, scores[rows])


def of_length_one(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors [..., dim] over their lengths; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = vectors / np.maximum(lengths, np.float32(1e-12))
    return unit
