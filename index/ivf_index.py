"""The approximate index: FAISS's inverted lists over full vectors, for catalogues beyond ~100 000 items.

Owns the sizes of the index and `index.faiss`. Callers: `index.item_index`.
"""

from collections.abc import Mapping
from math import sqrt
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from index.score_keys import greatest_keys, numbers_of, scores_of, sort_keys
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
        scores, rows = self._lists.search(_padded(queries), min(n + _SPARE, items))
        missing = rows < 0
        keys = sort_keys(np.where(missing, -np.inf, scores), np.where(missing, items, rows))
        best = greatest_keys(keys, min(n, items))
        found = numbers_of(best)
        found[found == items] = -1
        return found.astype(np.int32), scores_of(best)


def build_ivf_index(vectors: NDArray[np.float32], parameters: Mapping[str, int]) -> IvfIndex:
    """Cluster the vectors into lists.

    Args:
        vectors: float32 [items, dim], at least one item; copied.
        parameters: `nlist` and `nprobe`, where they are not to follow from the number of items.
    """
    padded = _padded(vectors)
    items, dim = padded.shape
    nlist = parameters.get("nlist", max(1, min(round(2 * sqrt(items)), items // _POINTS_A_LIST)))
    lists = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, nlist, faiss.METRIC_INNER_PRODUCT)
    lists.train(padded)
    lists.add(padded)
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
    try:
        lists = faiss.read_index(str(path))
    except RuntimeError as error:
        raise InvalidRelease(f"{path}: FAISS cannot read it ({error})") from error
    shape = (len(vectors), _padded_dim(vectors.shape[1]))
    if not isinstance(lists, faiss.IndexIVF) or (lists.ntotal, lists.d) != shape:
        raise InvalidRelease(f"{path}: not an inverted file of {shape[0]} vectors of {shape[1]} dimensions")
    return IvfIndex(lists, parameters.get("nprobe", int(lists.nprobe)))


def _padded_dim(dim: int) -> int:
    return -(-dim // _LANES) * _LANES


def _padded(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    padded = np.zeros((len(vectors), _padded_dim(vectors.shape[1])), dtype=np.float32)
    padded[:, : vectors.shape[1]] = vectors
    return padded
