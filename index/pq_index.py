"""The quantised index: a scan of 4-bit product codes by table lookups (FAISS), exact scores of the best.

Owns the sizes of the index and `index.faiss`. A scan reads half a byte for one or two dimensions, and a
lookup in registers takes the place of their products (André et al. 2017, Accelerated nearest neighbor search
with Quick ADC). Its scores are rough, so several times the wanted number of items are fetched and scored with
their vectors; what is found has exact scores. Larger catalogues are also divided into lists, of which the
nearest are scanned. Why these sizes: docs/index.md. Callers: `index.item_index`, `index.index_choice`.
"""

from collections.abc import Mapping
from math import log2, sqrt
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from index.faiss_arrays import best_found, padded, padded_dim, read_index
from schemas.errors import InvalidRelease

_BITS = 4
_LANES = 2
"""FAISS packs two codes in a byte: dimensions are padded to a multiple of this."""
_TRAINING_POINTS = 39 << _BITS
"""k-means wants so many; a smaller catalogue is repeated."""
POINTS_A_LIST = 64
"""Drawn to find the centre of a list; more cost time and change nothing that can be measured."""
ITERATIONS = 8
"""Of k-means."""
_SEED = 1
_BUILT_BY_ONE = 200_000
"""Smaller indexes are built by one thread: on busy cores two wait for one another longer than they work."""
FLAT_ITEMS = 50_000
"""Up to so many items are scanned whole, unless the parameters say otherwise."""
_REFINE = 3
"""Items scored exactly for each one that is wanted."""
_LEAST_WANTED = 64
"""Fewer wanted items are fetched as if they were so many: a short list must not be a worse one."""
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
            parameters: `refine`, and where there are lists `nlist` and `nprobe`; `dims_a_code`; where
                searches for up to `served` items have a depth of their own, less or more than what `refine`
                fetches, `served` and `fetched`.
        """
        self._codes = codes
        self._vectors = vectors.view(np.ndarray)
        self.parameters = dict(parameters)
        self._visits: faiss.SearchParametersIVF | None = None
        if isinstance(codes, faiss.IndexIVF):
            self._visits = faiss.SearchParametersIVF()
            self._visits.nprobe = parameters["nprobe"]

    def with_search(self, parameters: Mapping[str, int]) -> "PqIndex":
        """The same codes with other parameters of the search: `refine`, `nprobe`, `served`, `fetched`."""
        return PqIndex(self._codes, self._vectors, {**self.parameters, **parameters})

    @property
    def code_bytes(self) -> int:
        """Bytes of the codes, and of the rows' numbers where there are lists."""
        codes = -(-int(self._codes.d) // self.parameters["dims_a_code"] // 2)
        return int(self._codes.ntotal) * (codes + (8 if self._visits is not None else 0))

    def save(self, path: Path) -> None:
        """Write the FAISS index: codes, no vectors."""
        faiss.write_index(self._codes, str(path))

    def search(self, queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The n items with the greatest inner product among those fetched; see `ItemIndex.search`."""
        assert n >= 1
        items = len(self._vectors)
        fetched = self._fetched(n)
        if not len(queries):
            candidates = np.empty((0, min(fetched, items)), dtype=np.int64)
        elif 2 * fetched < items:
            _, candidates = self._codes.search(padded(queries, _LANES), fetched, params=self._visits)
        else:  # a scan leaves out too few, and drops some that it finds worst
            candidates = np.broadcast_to(np.arange(items), (len(queries), items))
        return best_found(candidates, self._exact_scores(queries, candidates), n, items)

    def _fetched(self, wanted: int) -> int:
        """How many candidates are fetched for a search for so many items."""
        if wanted <= self.parameters.get("served", 0):
            return self.parameters["fetched"]
        return self.parameters["refine"] * max(wanted, _LEAST_WANTED)

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


def lists_for(items: int) -> int:
    """How many lists suit a catalogue: the power of two nearest to twice the square root, at least 1."""
    return 1 << max(0, round(log2(2 * sqrt(items))))


def build_pq_index(vectors: NDArray[np.float32], parameters: Mapping[str, int]) -> PqIndex:
    """Train the quantiser and encode the vectors, on as many cores as FAISS may use.

    Args:
        vectors: float32 [items, dim], at least one item; kept, not copied.
        parameters: `refine`, `nlist` (0: no lists), `nprobe` and `dims_a_code` (1 or 2), where they are not
            to follow from the number of items.
    """
    items = len(vectors)
    nlist = parameters.get("nlist", lists_for(items) if items > FLAT_ITEMS else 0)
    dims_a_code = parameters.get("dims_a_code", 1 if nlist else 2)
    sizes = {"refine": parameters.get("refine", _REFINE), "dims_a_code": dims_a_code}
    if nlist:
        sizes |= {"nlist": nlist, "nprobe": parameters.get("nprobe", max(1, min(nlist // 16, 32)))}
    points = padded(vectors, _LANES)
    codes = _empty(points.shape[1], dims_a_code, nlist)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1 if items < _BUILT_BY_ONE else threads)
    try:
        codes.train(_training_points(points, nlist))
        codes.add(points)
    finally:
        faiss.omp_set_num_threads(threads)
    return PqIndex(codes, vectors, sizes)


def load_pq_index(path: Path, vectors: NDArray[np.float32], parameters: Mapping[str, int]) -> PqIndex:
    """Read what `PqIndex.save` wrote.

    Args:
        path: the file.
        vectors: float32 [items, dim], the vectors that the index was built over.
        parameters: those of the index that was saved.

    Raises:
        InvalidRelease: the file is no such index, or one over other vectors, or parameters are missing.
    """
    codes = read_index(path)
    shape = (len(vectors), padded_dim(vectors.shape[1], _LANES))
    kinds = faiss.IndexPQFastScan, faiss.IndexIVFPQFastScan
    if not isinstance(codes, kinds) or (codes.ntotal, codes.d) != shape:
        raise InvalidRelease(f"{path}: no quantised index of {shape[0]} vectors of {shape[1]} dimensions")
    needed = {"refine", "nprobe"} if isinstance(codes, faiss.IndexIVF) else {"refine"}
    if missing := needed - parameters.keys():
        raise InvalidRelease(f"{path}: the manifest does not say the index's {', '.join(sorted(missing))}")
    return PqIndex(codes, vectors, parameters)


def _empty(dim: int, dims_a_code: int, nlist: int) -> faiss.Index:
    codes = dim // dims_a_code
    if not nlist:
        return faiss.IndexPQFastScan(dim, codes, _BITS, faiss.METRIC_INNER_PRODUCT)
    lists = faiss.IndexIVFPQFastScan(
        faiss.IndexFlatIP(dim), dim, nlist, codes, _BITS, faiss.METRIC_INNER_PRODUCT
    )
    lists.by_residual = False  # residuals would need tables for each list
    lists.cp.spherical = True  # a long centre would be the nearest one of too many
    lists.cp.niter, lists.cp.max_points_per_centroid = ITERATIONS, POINTS_A_LIST
    return lists


def _training_points(points: NDArray[np.float32], nlist: int) -> NDArray[np.float32]:
    """Some of the points, drawn, as many as the centres of lists and codes need."""
    items, dim = points.shape
    if items < _TRAINING_POINTS:
        return np.resize(points, (_TRAINING_POINTS, dim))
    enough = max(POINTS_A_LIST * nlist, 256 << _BITS)
    if enough >= items:
        return points
    return points[np.random.default_rng(_SEED).choice(items, enough, replace=False)]
