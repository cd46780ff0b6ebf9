"""The approximate index: FAISS's inverted lists over full vectors, for catalogues beyond ~100 000 items.

Owns the sizes of the index and `index.faiss`. Callers: `index.item_index`.
"""

from collections.abc import Mapping
from math import sqrt
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from index.faiss_arrays import best_found, padded, padded_dim, read_index
from schemas.errors import InvalidRelease

_LANES = 16
"""FAISS's kernels want a dimension that is a multiple of this; vectors and queries are padded with zeros."""
_POINTS_A_LIST = 39
"""k-means with fewer points a centroid is poor, and FAISS warns."""
_SPARE = 16
"""Items fetched beyond n, because FAISS cuts ties in any order."""


class IvfIndex:
    """Search in the lists nearest to the query; see `index.item_index.ItemIndex`."""

    kind = "ivf_flat"

    def __init__(self, lists: faiss.IndexIVF, nprobe: int) -> None:
        """Search `lists`, visiting `nprobe` of them a query."""
        lists.nprobe = nprobe
        self._lists = lists

    @property
    def parameters(self) -> dict[str, int]:
        """The number of lists and how many are visited."""
        return {"nlist": int(self._lists.nlist), "nprobe": int(self._lists.nprobe)}

    def save(self, path: Path) -> None:
        """Write the FAISS index, vectors included."""
        faiss.write_index(self._lists, str(path))

    def search(self, queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The n items with the greatest inner product among those visited; see `ItemIndex.search`.

        Ties go to the lower row; at the cut exactly so unless more than 16 items tie with the last one.
        """
        assert n >= 1
        items = int(self._lists.ntotal)
        scores, rows = self._lists.search(padded(queries, _LANES), min(n + _SPARE, items))
        return best_found(rows, scores, n, items)


def build_ivf_index(vectors: NDArray[np.float32], parameters: Mapping[str, int]) -> IvfIndex:
    """Cluster the vectors into lists.

    Args:
        vectors: float32 [items, dim], at least one item; copied.
        parameters: `nlist` and `nprobe`, where they are not to follow from the number of items.
    """
    points = padded(vectors, _LANES)
    items, dim = points.shape
    nlist = parameters.get("nlist", max(1, min(round(2 * sqrt(items)), items // _POINTS_A_LIST)))
    lists = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, nlist, faiss.METRIC_INNER_PRODUCT)
    lists.train(points)
    lists.add(points)
    return IvfIndex(lists, parameters.get("nprobe", max(1, min(nlist // 8, 64))))


def load_ivf_index(path: Path, vectors: NDArray[np.float32], parameters: Mapping[str, int]) -> IvfIndex:
    """Read what `IvfIndex.save` wrote.

    Args:
        path: the file.
        vectors: float32 [items, dim], the vectors that the index was built over.
        parameters: those of the index that was saved.

    Raises:
        InvalidRelease: the file is no such index, or one over other vectors.
    """
    lists = read_index(path)
    shape = (len(vectors), padded_dim(vectors.shape[1], _LANES))
    if not isinstance(lists, faiss.IndexIVF) or (lists.ntotal, lists.d) != shape:
        raise InvalidRelease(f"{path}: not an inverted file of {shape[0]} vectors of {shape[1]} dimensions")
    return IvfIndex(lists, parameters.get("nprobe", int(lists.nprobe)))
