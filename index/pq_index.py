"""The quantised index: a scan of 4-bit product codes by table lookups (FAISS), then exact scores of the best.

Owns the sizes of the index and `index.faiss`. A scan reads half a byte for two dimensions, and a lookup in
registers takes the place of their products (André et al. 2017, Accelerated nearest neighbor search with Quick
ADC). Its scores are rough, so several times the wanted number of items are fetched and scored with their
vectors; what is found has exact scores. Catalogues beyond some 50 000 items are also divided into lists, of
which the nearest are scanned. Caller: `index.item_index`.
"""

from collections.abc import Mapping
from math import sqrt
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from index.faiss_arrays import best_found, padded, padded_dim, read_index
from schemas.errors import InvalidRelease

_BITS = 4
_DIMS_A_CODE = 2
_TRAINING_POINTS = 39 << _BITS
"""k-means wants so many; a smaller catalogue is repeated."""
_FLAT_ITEMS = 50_000
"""Up to so many items are scanned whole."""
_REFINE = 3
"""Items scored exactly for each one that is wanted."""
_RESCORED_AT_ONCE = 1 << 19
"""Floats gathered at once to be scored exactly, 2 MiB: more leave the cache."""


class PqIndex:
    """A scan of codes; see `index.item_index.ItemIndex`."""

    kind = "pq_fastscan"

    def __init__(
        self, codes: faiss.Index, vectors: NDArray[np.float32], parameters: Mapping[str, int]
    ) -> None:
        """Search.

        Args:
            codes: over the vectors.
            vectors: float32 [items, dim]; not copied.
            parameters: `refine`, and where there are lists `nlist` and `nprobe`.
        """
        self._codes = codes
        self._vectors = vectors.view(np.ndarray)
        self.parameters = dict(parameters)
        if isinstance(codes, faiss.IndexIVF):
            codes.nprobe = parameters["nprobe"]

    def save(self, path: Path) -> None:
        """Write the FAISS index: codes, no vectors."""
        faiss.write_index(self._codes, str(path))

    def search(self, queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The n items with the greatest inner product among those fetched; see `ItemIndex.search`."""
        assert n >= 1
        items = len(self._vectors)
        fetched = self.parameters["refine"] * n
        if 2 * fetched < items:
            _, candidates = self._codes.search(padded(queries, _DIMS_A_CODE), fetched)
        else:  # a scan leaves out too few, and drops some that it finds worst
            candidates = np.broadcast_to(np.arange(items), (len(queries), items))
        return best_found(candidates, self._exact_scores(queries, candidates), n, items)

    def _exact_scores(
        self, queries: NDArray[np.float32], candidates: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Float32 [batch, fetched]."""
        scores = np.empty((*candidates.shape, 1), dtype=np.float32)
        fetched, dim = candidates.shape[1], self._vectors.shape[1]
        block = max(1, min(len(queries), _RESCORED_AT_ONCE // (fetched * dim)))
        vectors = np.empty((block, fetched, dim), dtype=np.float32)
        for start in range(0, len(queries), block):
            part = slice(start, start + block)
            of_part = vectors[: len(queries[part])]
            np.take(
                self._vectors, candidates[part], axis=0, out=of_part, mode="clip"
            )  # unbuffered: twice as fast
            np.matmul(of_part, queries[part, :, None], out=scores[part])
        return scores[:, :, 0]


def build_pq_index(vectors: NDArray[np.float32], parameters: Mapping[str, int]) -> PqIndex:
    """Train the quantiser and encode the vectors.

    Args:
        vectors: float32 [items, dim], at least one item; kept, not copied.
        parameters: `refine`, `nlist` (0: no lists) and `nprobe`, where they are not to follow from the number
            of items.
    """
    items, points = len(vectors), padded(vectors, _DIMS_A_CODE)
    nlist = parameters.get("nlist", round(sqrt(items)) if items > _FLAT_ITEMS else 0)
    sizes = {"refine": parameters.get("refine", _REFINE)}
    if nlist:
        sizes |= {"nlist": nlist, "nprobe": parameters.get("nprobe", max(1, nlist // 8))}
    codes = _empty(points.shape[1], nlist)
    codes.train(
        points if items >= _TRAINING_POINTS else np.resize(points, (_TRAINING_POINTS, points.shape[1]))
    )
    codes.add(points)
    return PqIndex(codes, vectors, sizes)


def load_pq_index(path: Path, vectors: NDArray[np.float32], parameters: Mapping[str, int]) -> PqIndex:
    """Read what `PqIndex.save` wrote.

    Args:
        path: the file.
        vectors: float32 [items, dim], the vectors that the index was built over.
        parameters: those of the index that was saved.

    Raises:
        InvalidRelease: the file is no such index, or one over other vectors.
    """
    codes = read_index(path)
    shape = (len(vectors), padded_dim(vectors.shape[1], _DIMS_A_CODE))
    kinds = faiss.IndexPQFastScan, faiss.IndexIVFPQFastScan
    if not isinstance(codes, kinds) or (codes.ntotal, codes.d) != shape:
        raise InvalidRelease(f"{path}: no quantised index of {shape[0]} vectors of {shape[1]} dimensions")
    return PqIndex(codes, vectors, parameters)


def _empty(dim: int, nlist: int) -> faiss.Index:
    codes = dim // _DIMS_A_CODE
    if not nlist:
        return faiss.IndexPQFastScan(dim, codes, _BITS, faiss.METRIC_INNER_PRODUCT)
    lists = faiss.IndexIVFPQFastScan(
        faiss.IndexFlatIP(dim), dim, nlist, codes, _BITS, faiss.METRIC_INNER_PRODUCT
    )
    lists.by_residual = False  # residuals would need tables for each list
    return lists
