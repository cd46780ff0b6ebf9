"""`millrace bench index`: microseconds a query of each kind of index, beside plain numpy.

Exact kinds may be judged on any vectors, approximate ones on those of a trained release only: random vectors
have no clusters. Caller: `retrain.offline_bench_commands`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.item_index import INDEX_KINDS, build_index
from models.release import load_release
from schemas.bench_report import Row

N = 100
DIM = 101
MAX_QUERIES = 512
_SEED = 1
Search = Callable[[NDArray[np.float32], int], tuple[NDArray[np.int32], NDArray[np.float32]]]


def drawn_vectors(items: int) -> NDArray[np.float32]:
    """Random vectors, float32 [items, DIM]."""
    return np.random.default_rng(_SEED).standard_normal((items, DIM), dtype=np.float32)


def release_vectors(folder: Path) -> NDArray[np.float32]:
    """A release's item vectors, float32 [items, dim]; the bias is the last column.

    Raises:
        InvalidRelease: the folder is no release.
    """
    return np.array(load_release(folder).item_vectors)


def bench_index(
    vectors: NDArray[np.float32],
    batches: Sequence[int],
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Row]:
    """Search the 100 best with every kind, and with numpy.

    Args:
        vectors: float32 [items, dim].
        batches: queries at once.
        seconds: how long each is repeated.
        clock: seconds.
    """
    queries = _queries(vectors)
    n = min(N, len(vectors))
    exact, _ = search_by_numpy(vectors)(queries, n)
    searches: dict[str, Search] = {"numpy": search_by_numpy(vectors)}
    searches |= {kind: build_index(kind, vectors).search for kind in INDEX_KINDS}
    for kind, search in searches.items():
        recall = _recall(search(queries, n)[0], exact)
        for batch in batches:
            us = 1e6 * _seconds_per_query(search, queries[:batch], n, seconds, clock)
            row: Row = {"items": len(vectors), "dim": vectors.shape[1], "index": kind, "batch": batch}
            yield {**row, "us_per_query": round(us, 2), f"recall@{N}": round(recall, 4)}


def search_by_numpy(vectors: NDArray[np.float32]) -> Search:
    """What one would write: all scores, a partition, a sort."""

    def search(queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        scores = queries @ vectors.T
        rows = np.argpartition(-scores, n - 1, axis=1)[:, :n]
        found = np.take_along_axis(scores, rows, axis=1)
        order = np.lexsort((rows, -found), axis=1)
        return np.take_along_axis(rows, order, axis=1).astype(np.int32), np.take_along_axis(
            found, order, axis=1
        )

    return search


def _queries(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Queries near the items, as those of a trained encoder are: an item's vector and some noise."""
    random = np.random.default_rng(_SEED + 1)
    near = vectors[random.integers(len(vectors), size=MAX_QUERIES)]
    return near + np.float32(0.5 * near.std()) * random.standard_normal(near.shape, dtype=np.float32)


def _recall(found: NDArray[np.int32], exact: NDArray[np.int32]) -> float:
    hits = [len(np.intersect1d(one, other)) for one, other in zip(found, exact, strict=True)]
    return float(np.sum(hits)) / exact.size


def _seconds_per_query(
    search: Search, queries: NDArray[np.float32], n: int, seconds: float, clock: Callable[[], float]
) -> float:
    search(queries, n)
    started, rounds = clock(), 0
    while rounds == 0 or clock() - started < seconds:
        search(queries, n)
        rounds += 1
    return (clock() - started) / (rounds * len(queries))
