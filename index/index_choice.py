"""Choosing an index: build what may suit, measure it on a release's vectors and queries, take the best.

Owns the order: everything is measured by searches for the 100 best, what is good enough also by those that a
worker makes. By which rules: `index.index_rules`. Callers: `retrain.releases.index_building`,
`retrain.benches.bench_index`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.exact_index import ExactIndex
from index.index_candidates import searches, structures
from index.index_measuring import CUTOFFS, Recall, Trial, microseconds, recall_of
from index.index_rules import Candidate, IndexRules, best, frontier_of, near_fastest
from index.item_index import ItemIndex
from index.pq_index import PqIndex, build_pq_index
from index.served_search import served_by
from schemas.index_measurement import IndexMeasurement, ServedSearch

BATCHES = 1, 256
"""Queries at once: of a worker that waits for events, and of one that is busy, when time counts."""
_FOUND_ALL = 0.999
"""From here on dearer searches of the same codes are not looked at."""
_LEAST_RECALL = 0.95
"""What finds less is not timed."""


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen, and out of what."""

    index: ItemIndex
    chosen: IndexMeasurement
    served: ServedSearch
    """The search of a worker in it; what it fetches is among the index's parameters alone."""
    exact: IndexMeasurement
    """What an exact search costs."""
    frontier: list[IndexMeasurement]
    """Those than which none is both faster in batches and finds more; the fastest first."""


@dataclass(frozen=True, eq=False)
class _Found:
    index: ItemIndex
    recall: Recall
    build_s: float
    mb: float


def choose_index(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    rules: IndexRules,
    batches: Sequence[int] = BATCHES,
    clock: Callable[[], float] = time.process_time,
) -> Choice:
    """Measure what may suit a catalogue and choose.

    Args:
        vectors: float32 [items, dim], at least one item.
        queries: float32 [at least the greatest of `batches`, dim], of real sessions.
        rules: what the index must keep to. Where none does, the fastest that finds enough is chosen.
        batches: queries at once that are measured, rising; the last decides.
        clock: seconds of the process's processor.
    """
    exact = ExactIndex(vectors)
    trial = Trial(queries, exact.search(queries, CUTOFFS[-1])[0])
    found = [_Found(exact, Recall(1, 1, 1), 0, _megabytes(vectors)), *_worth_timing(vectors, trial)]
    candidates = _timed(found, queries, batches, clock)
    taken = best(served_by(near_fastest(candidates, rules), trial, rules, batches, clock))
    exactly, chosen = candidates[0].measured, taken.candidate.measured
    return Choice(taken.index, chosen, taken.served, exactly, frontier_of(candidates))


def _worth_timing(vectors: NDArray[np.float32], trial: Trial) -> Iterator[_Found]:
    """Everything that is built, with every way to search it that may be worth its time."""
    for structure in structures(len(vectors)):
        started = time.perf_counter()
        built = build_pq_index(vectors, structure)
        build_s = time.perf_counter() - started
        mb = _megabytes(vectors) + built.code_bytes / 1e6
        for index, recall in _worth_searching(built, searches(structure), trial):
            yield _Found(index, recall, build_s, mb)


def _worth_searching(
    built: PqIndex, lines: Iterable[list[dict[str, int]]], trial: Trial
) -> Iterator[tuple[PqIndex, Recall]]:
    """The ways to search what is built; none dearer than one that finds all there is to find."""
    for line in lines:
        for at, parameters in enumerate(line):
            index = built.with_search(parameters)
            recall = recall_of(index.search, trial)
            if min(recall.at_20, recall.at_100) >= _LEAST_RECALL:
                yield index, recall
            if recall.surely >= _FOUND_ALL:
                if at == 0:
                    return
                break


def _timed(
    found: list[_Found], queries: NDArray[np.float32], batches: Sequence[int], clock: Callable[[], float]
) -> list[Candidate]:
    times = {
        batch: microseconds({at: one.index.search for at, one in enumerate(found)}, queries, batch, clock)
        for batch in batches
    }
    return [
        Candidate(
            one.index,
            one.recall,
            IndexMeasurement(
                kind=one.index.kind,
                parameters=one.index.parameters,
                us_per_query={str(batch): round(times[batch][at], 1) for batch in batches},
                recall_at_20=round(one.recall.at_20, 5),
                recall_at_100=round(one.recall.at_100, 5),
                build_s=round(one.build_s, 2),
                mb=round(one.mb, 1),
            ),
        )
        for at, one in enumerate(found)
    ]


def _megabytes(vectors: NDArray[np.float32]) -> float:
    return float(vectors.size * vectors.itemsize / 1e6)
