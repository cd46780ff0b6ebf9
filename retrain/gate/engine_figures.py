"""What is measured of a candidate's encoder and index: finite outputs, index recall, time.

Owns the timing: medians of repeats, after one call that is not counted; processor time. Caller:
`retrain.gate.candidate_gate`.
"""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import polars as pl
from numpy.typing import NDArray

from index.exact_index import ExactIndex
from index.item_index import ItemIndex
from models.list_ranker import candidates_for
from models.release import Release
from models.servable_model import index_vectors
from retrain.evaluation.index_loss import list_overlap
from retrain.evaluation.prefixes import Prefixes
from retrain.gate.gate_figures import BATCHES, EngineFigures, Timings
from retrain.gate.gate_rules import GateRules, K
from retrain.gate.slice_queries import sample, slice_queries

RECALLS = (K, 100)
_REPEATS = 21
_EXACT_BATCH = 256
Clock = Callable[[], float]


def measure_engine(
    release: Release,
    events: pl.DataFrame,
    prefixes: Prefixes | None,
    rules: GateRules,
    clock: Clock = time.process_time,
) -> EngineFigures:
    """Encode the events of the slice, search for a sample of the queries, and time both.

    Args:
        release: the candidate.
        events: the newest slice in log order; where it has none, its popular items stand in.
        prefixes: what is predicted of them; None: nothing.
        rules: how many queries, and the seed.
        clock: seconds of the process's processor, as in `index.index_choice`.
    """
    queries, nonfinite = slice_queries(release, events, prefixes, rules)
    timings, of_states = _timings(release, sample(queries, max(BATCHES), rules.seed), clock)
    if nonfinite:
        return EngineFigures(nonfinite + of_states, dict.fromkeys(RECALLS, 0.0), timings)
    recall = _index_recall(release, sample(queries, rules.index_queries, rules.seed))
    return EngineFigures(of_states, recall, timings)


def _index_recall(release: Release, queries: NDArray[np.float32]) -> dict[int, float]:
    """What the index finds: of the 20 best as a worker searches for them, and of the 100 best."""
    exact = ExactIndex(index_vectors(release.item_vectors, release.manifest.encoder.index_dim))
    wanted = _found(exact, queries, max(RECALLS))
    searches = {K: candidates_for(K), max(RECALLS): max(RECALLS)}
    return {k: list_overlap(_found(release.index, queries, n), wanted, k) for k, n in searches.items()}


def _found(index: ItemIndex, queries: NDArray[np.float32], n: int) -> NDArray[np.int32]:
    """The rows that a search for n items finds."""
    starts = range(0, len(queries), _EXACT_BATCH)
    return np.concatenate([index.search(queries[at : at + _EXACT_BATCH], n)[0] for at in starts])


def _timings(release: Release, queries: NDArray[np.float32], clock: Clock) -> tuple[Timings, int]:
    """Microseconds an event, and how many values of states are wrong after a step from the zero state."""
    spec, n = release.manifest.encoder, min(2 * K, release.manifest.items)
    rows = np.resize(release.popular["row"], max(BATCHES))
    items, types = np.array(release.item_vectors[rows]), np.zeros(len(rows), dtype=np.int64)
    states = np.zeros((len(rows), spec.state_size), dtype=np.float16)
    asked = np.resize(queries, (max(BATCHES), spec.index_dim))
    nonfinite = int((~np.isfinite(release.encoder.step(items, types, states)[1])).sum())

    def step(batch: int) -> Callable[[], object]:
        return lambda: release.encoder.step(items[:batch], types[:batch], states[:batch])

    def search(batch: int) -> Callable[[], object]:
        return lambda: release.index.search(asked[:batch], n)

    timings = Timings(
        {batch: _median_us(step(batch), batch, clock) for batch in BATCHES},
        {batch: _median_us(search(batch), batch, clock) for batch in BATCHES},
    )
    return timings, nonfinite


def _median_us(call: Callable[[], object], batch: int, clock: Clock) -> float:
    call()
    seconds = []
    for _ in range(_REPEATS):
        started = clock()
        call()
        seconds.append(clock() - started)
    return 1e6 * median(seconds) / batch
