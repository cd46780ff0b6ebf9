"""Indexes that no release uses, measured beside those that one may: plain numpy, and FAISS's own.

Owns their making, with the parameters that docs/index.md compares. Caller: `retrain.benches.bench_index`.
"""

from collections.abc import Callable

import faiss
import numpy as np
from numpy.typing import NDArray

from index.faiss_arrays import best_found, padded
from index.index_measuring import Search
from index.pq_index import ITERATIONS, POINTS_A_LIST, lists_for

_LANES = 16
"""FAISS's kernels want a dimension that is a multiple of this."""
_VISITED_SHARE = 16
_SCORES_AT_ONCE = 1 << 26
"""256 MiB."""
_NEIGHBOURS, _EF_SEARCH = 32, 200


def numpy_search(vectors: NDArray[np.float32]) -> Search:
    """What one would write: all scores, a partition, a sort."""

    def search(queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        n = min(n, len(vectors))
        rows = np.empty((len(queries), n), dtype=np.int32)
        scores = np.empty((len(queries), n), dtype=np.float32)
        block = max(1, _SCORES_AT_ONCE // len(vectors))
        for start in range(0, len(queries), block):
            part = slice(start, start + block)
            of_all = queries[part] @ vectors.T
            best = np.argpartition(-of_all, n - 1, axis=1)[:, :n]
            found = np.take_along_axis(of_all, best, axis=1)
            order = np.lexsort((best, -found), axis=1)
            rows[part] = np.take_along_axis(best, order, axis=1)
            scores[part] = np.take_along_axis(found, order, axis=1)
        return rows, scores

    return search


def _faiss_search(description: str) -> Callable[[NDArray[np.float32]], Search]:
    """A search of an index of FAISS's factory."""

    def build(vectors: NDArray[np.float32]) -> Search:
        points = padded(vectors, _LANES)
        nlist = lists_for(len(vectors))
        index = faiss.index_factory(
            points.shape[1], description.format(nlist=nlist), faiss.METRIC_INNER_PRODUCT
        )
        if isinstance(index, faiss.IndexIVF):
            index.cp.niter, index.cp.max_points_per_centroid = ITERATIONS, POINTS_A_LIST
            index.nprobe = max(1, nlist // _VISITED_SHARE)
        index.train(points)
        index.add(points)
        if isinstance(index, faiss.IndexHNSW):
            index.hnsw.efSearch = _EF_SEARCH

        def search(queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
            n = min(n, len(vectors))
            scores, rows = index.search(padded(queries, _LANES), n)
            return best_found(rows, scores, n, len(vectors))

        return search

    return build


REFERENCES: dict[str, Callable[[NDArray[np.float32]], Search]] = {
    "numpy": numpy_search,
    "faiss_flat": _faiss_search("Flat"),
    "faiss_ivf_flat": _faiss_search("IVF{nlist},Flat"),
    "faiss_ivf_sq8": _faiss_search("IVF{nlist},SQ8"),
    "faiss_hnsw": _faiss_search(f"HNSW{_NEIGHBOURS}"),
}
"""By the name that rows of the bench bear."""
