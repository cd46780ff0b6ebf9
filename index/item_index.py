"""ItemIndex: item vectors in, the rows with the greatest inner products out.

Owns the kinds of index and how one is built, saved and loaded. Knows rows only, no ids, no model. Callers:
`models.release` loads, `models.list_ranker` and `models.similar_items` search,
`retrain.releases.release_building` builds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from index.exact_index import ExactIndex
from index.pq_index import PqIndex, build_pq_index, load_pq_index
from schemas.errors import InvalidRelease

IndexKind = Literal["exact", "pq_fastscan"]
INDEX_KINDS: tuple[str, ...] = get_args(IndexKind)
"""`exact` scores every item. `pq_fastscan` (FAISS) scores all, or those in the lists nearest to the query,
roughly by codes of half a byte for one or two dimensions, and the best of them exactly. Others were tried and
won nowhere: docs/index.md."""
IndexChoice = Literal["exact", "pq_fastscan", "auto"]
"""A kind, or the one that is best when measured (`index.index_choice`)."""
EXACT_ITEMS = 5_000
"""Up to so many items scoring all of them is fastest, and nothing is lost."""


class ItemIndex(Protocol):
    """Search by inner product over the items of one release; immutable, safe to share between threads."""

    @property
    def kind(self) -> str:
        """One of `INDEX_KINDS`."""
        ...

    @property
    def parameters(self) -> dict[str, int]:
        """What `load_index` needs to know besides the kind; goes into the manifest."""
        ...

    def search(self, queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The n items with the greatest inner product of each query.

        Args:
            queries: float32 [batch, dim].
            n: how many, at least 1.

        Returns:
            rows int32 [batch, n'] and scores float32 [batch, n'], n' = min(n, items), sorted by
            (score descending, row ascending). An approximate index that finds fewer fills up with row -1 and
            score -inf.
        """
        ...

    def save(self, path: Path) -> None:
        """Write what `load_index` needs besides the vectors; for the exact kind nothing, and no file."""
        ...


def build_index(
    kind: str, vectors: NDArray[np.float32], parameters: Mapping[str, int] | None = None
) -> ExactIndex | PqIndex:
    """Build an index over item vectors.

    Args:
        kind: one of `INDEX_KINDS`, or `auto`: `exact` up to 5 000 items, `pq_fastscan` beyond.
        vectors: float32 [items, dim]; kept, not copied, by the exact kind.
        parameters: of the kind, in place of those that follow from the number of items.

    Raises:
        ValueError: the kind is not known.
    """
    if kind == "auto":
        kind = "exact" if len(vectors) <= EXACT_ITEMS else "pq_fastscan"
    if kind == "exact":
        return ExactIndex(vectors)
    if kind == "pq_fastscan":
        return build_pq_index(vectors, parameters or {})
    raise ValueError(f"index kind {kind!r} is not known; there are {', '.join(INDEX_KINDS)}")


def load_index(
    kind: str, path: Path, vectors: NDArray[np.float32], parameters: Mapping[str, int]
) -> ExactIndex | PqIndex:
    """Load the index of a release.

    Args:
        kind: as the manifest says.
        path: what `save` wrote; not looked at by the exact kind.
        vectors: float32 [items, dim], the release's `item_vectors.npy`, memory-mapped.
        parameters: as the manifest says.

    Raises:
        InvalidRelease: the kind is not known, or the file is not an index over as many vectors.
    """
    if kind == "exact":
        return ExactIndex(vectors)
    if kind == "pq_fastscan":
        return load_pq_index(path, vectors, parameters)
    raise InvalidRelease(f"index kind {kind!r} is not known; this version reads {', '.join(INDEX_KINDS)}")
