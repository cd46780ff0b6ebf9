"""`millrace bench index`: microseconds a query of each kind of index, beside plain numpy.

Exact kinds may be judged on any vectors, approximate ones on those of a trained release only: random vectors
have no clusters. Caller: `retrain.benches.offline_bench_commands`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

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


class Searched(NamedTuple):
    """What is searched, and for what."""

    vectors: NDArray[np.float32]
    """float32 [items, dim]."""
    queries: NDArray[np.float32]
    """float32 [MAX_QUERIES, dim]."""


def drawn_vectors(items: int) -> Searched:
    """Random vectors, and queries near some of them."""
    random = np.random.default_rng(_SEED)
    vectors = random.standard_normal((items, DIM), dtype=np.float32)
    near = vectors[random.integers(items, size=MAX_QUERIES)]
    return Searched(vectors, near + np.float32(0.5) * random.standard_normal(near.shape, dtype=np.float32))


def release_vectors(folder: Path) -> Searched:
    """A release's item vectors, and its encoder's queries after one view of items drawn by popularity.

    Raises:
        InvalidRelease: the folder is no release.
    """
    release = load_release(folder)
    popular = release.popular
    random = np.random.default_rng(_SEED)
    weights = popular["score"] / popular["score"].sum(dtype=np.float64)
    items = np.array(release.item_vectors[random.choice(popular["row"], MAX_QUERIES, p=weights)])
    states = np.zeros((MAX_QUERIES, release.manifest.encoder.state_size), dtype=np.float16)
    queries, _ = release.encoder.step(items, np.zeros(MAX_QUERIES, dtype=np.int64), states)
    return Searched(np.array(release.item_vectors), queries)


def bench_index(
    searched: Searched,
    batches: Sequence[int],
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Row]:
    """Search the 100 best with every kind, and with numpy.

    Args:
        searched: vectors and queries.
        batches: queries at once, at most `MAX_QUERIES`.
        seconds: how long each is repeated.
        clock: seconds.
    """
    vectors, queries = searched
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
