"""Measuring an index: what share of the exact answer it finds, and what a query costs of one core.

Owns recall and time as the choice of an index and the bench understand them. Time is that of the process's
processor, the least of several rounds, taken in turn: neighbours on the machine disturb it little. Callers:
`index.index_choice`, `index.served_search`,
`retrain.benches.bench_index`.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Search = Callable[[NDArray[np.float32], int], tuple[NDArray[np.int32], NDArray[np.float32]]]
Name = TypeVar("Name", bound=Hashable)
CUTOFFS = (20, 100)
MAX_QUERIES = 1024
_ROUNDS = 4
_LEAST_QUERIES_A_ROUND = 32


@dataclass(frozen=True, eq=False)
class Trial:
    """Queries and what is to be found for them."""

    queries: NDArray[np.float32]
    """float32 [batch, dim]."""
    exact: NDArray[np.int32]
    """int32 [batch, up to 100]: the best rows of each query."""


@dataclass(frozen=True)
class Recall:
    """Shares found of the 20 and of the 100 best."""

    at_20: float
    at_100: float
    surely: float
    """The lower one, less its standard error: other queries would likely have it too."""


def one_thread() -> AbstractContextManager[object]:
    """A context in which BLAS and FAISS keep to one thread."""
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def recall_of(search: Search, trial: Trial) -> Recall:
    """How much of the exact answer a search finds, asked for 20 and for 100."""
    means, lows = [], []
    for cutoff in CUTOFFS:
        wanted = trial.exact[:, :cutoff]
        with one_thread():
            found, _ = search(trial.queries, wanted.shape[1])
        shares = shares_found(found, wanted)
        means.append(float(shares.mean()))
        lows.append(surely(shares))
    return Recall(means[0], means[1], min(lows))


def microseconds(
    searches: Mapping[Name, Search],
    queries: NDArray[np.float32],
    batch: int,
    clock: Callable[[], float] = time.process_time,
    rounds: int = _ROUNDS,
    wanted: int = CUTOFFS[-1],
) -> dict[Name, float]:
    """Time of one query on one core.

    Args:
        searches: what is measured, in turn.
        queries: float32 [at least batch, dim].
        batch: queries at once.
        clock: seconds.
        rounds: of each; the least time counts.
        wanted: how many are searched for.
    """
    calls = max(1, _LEAST_QUERIES_A_ROUND // batch)
    least = dict.fromkeys(searches, np.inf)
    with one_thread():
        for at in range(rounds):
            begin = at * batch % (len(queries) - batch + 1)
            for name, search in searches.items():
                started = clock()
                for call in range(calls):
                    start = (begin + call * batch) % (len(queries) - batch + 1)
                    search(queries[start : start + batch], wanted)
                least[name] = min(least[name], (clock() - started) / (calls * batch))
    return {name: 1e6 * seconds for name, seconds in least.items()}


def shares_found(found: NDArray[np.int32], wanted: NDArray[np.int32]) -> NDArray[np.float64]:
    """Float64 [batch]: the share of the wanted rows that were found."""
    hits = (wanted[:, :, None] == found[:, None, :]).any(axis=2)
    shares: NDArray[np.float64] = hits.mean(axis=1)
    return shares


def surely(shares: NDArray[np.float64]) -> float:
    """The mean less its standard error: other queries would likely have it too."""
    return float(shares.mean() - shares.std() / np.sqrt(len(shares)))
