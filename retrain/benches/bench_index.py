"""`millrace bench index`: which index a release of some size gets, what each kind costs and finds.

The kinds are measured by what chooses a release's index, references beside them by the same clock on the same
queries. Caller: `retrain.benches.offline_bench_commands`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from index.exact_index import ExactIndex
from index.index_choice import Choice, choose_index
from index.index_measuring import CUTOFFS, Trial, microseconds, recall_of
from index.index_rules import IndexRules
from retrain.benches.bench_vectors import Searched
from retrain.benches.reference_indexes import REFERENCES
from schemas.bench_report import Row
from schemas.index_measurement import IndexMeasurement

_JUDGED_QUERIES = 256
"""Of a reference, whose recall is beside the point."""
_REFERENCE_ROUNDS = 2


class IndexFigures(NamedTuple):
    """What was measured at one size of the catalogue; of each a line for each batch."""

    rows: list[Row]
    """The references, the exact search and the frontier."""
    served: list[Row]
    """The search of a worker in what was chosen."""


def bench_index(
    searched: Searched,
    batches: Sequence[int],
    references: Sequence[str],
    rules: IndexRules,
    clock: Callable[[], float] = time.process_time,
) -> IndexFigures:
    """Measure the references, the exact search and the frontier, and what a worker asks of the chosen one.

    Args:
        searched: vectors and queries.
        batches: queries at once, at most as many as there are.
        references: names of `REFERENCES`.
        rules: by which an index is chosen.
        clock: seconds of the process's processor.
    """
    rising = sorted(batches)
    exact = ExactIndex(searched.vectors).search(searched.queries[:_JUDGED_QUERIES], CUTOFFS[-1])[0]
    trial = Trial(searched.queries[:_JUDGED_QUERIES], exact)
    rows: list[Row] = []
    for name in references:
        rows += _rows(searched, _of_reference(name, searched, trial, rising, clock), chosen=False)
    choice = choose_index(searched.vectors, searched.queries, rules, rising, clock)
    every = [choice.exact, *choice.frontier, choice.chosen]
    for at, one in enumerate(every):
        if one not in every[:at]:
            rows += _rows(searched, one, chosen=one == choice.chosen)
    return IndexFigures(rows, list(_served(searched, choice)))


def _of_reference(
    name: str, searched: Searched, trial: Trial, batches: Sequence[int], clock: Callable[[], float]
) -> IndexMeasurement:
    started = time.perf_counter()
    search = REFERENCES[name](searched.vectors)
    build_s = time.perf_counter() - started
    recall = recall_of(search, trial)
    times = {
        str(batch): microseconds({name: search}, searched.queries, batch, clock, _REFERENCE_ROUNDS)[name]
        for batch in batches
    }
    return IndexMeasurement(
        kind=name,
        us_per_query=times,
        recall_at_20=recall.at_20,
        recall_at_100=recall.at_100,
        build_s=build_s,
        mb=searched.vectors.nbytes / 1e6,
    )


def _rows(searched: Searched, measured: IndexMeasurement, *, chosen: bool) -> Iterator[Row]:
    """A row for each batch."""
    parameters = " ".join(f"{name}={value}" for name, value in sorted(measured.parameters.items()))
    for batch, us in measured.us_per_query.items():
        yield {
            "items": len(searched.vectors),
            "kind": measured.kind,
            "parameters": parameters or "-",
            "batch": int(batch),
            "us_per_query": round(us, 1),
            "recall_at_20": round(measured.recall_at_20, 4),
            "recall_at_100": round(measured.recall_at_100, 4),
            "build_s": round(measured.build_s, 2),
            "mb": round(measured.mb, 1),
            "chosen": chosen,
        }


def _served(searched: Searched, choice: Choice) -> Iterator[Row]:
    """A row for each batch."""
    served = choice.served
    for batch, us in served.us_per_query.items():
        yield {
            "items": len(searched.vectors),
            "kind": choice.chosen.kind,
            "candidates": served.candidates,
            "fetched": choice.index.parameters.get("fetched", served.candidates),
            "batch": int(batch),
            "us_per_query": us,
            "recall_of_list": round(served.recall_of_list, 4),
            "recall_of_candidates": round(served.recall_of_candidates, 4),
        }
