"""Served searches: how little an index needs to fetch for what a worker asks of it, and what that costs.

A worker wants some 48 candidates for a list of 20, fewer than the 100 by which an index is judged, and needs
the list surely, the others only where filters take of it. So codes are fetched for it just as far as floors
of its own want; a search for more is as it was. Caller: `index.index_choice`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from index.index_measuring import CUTOFFS, Trial, microseconds, one_thread, shares_found, surely
from index.index_rules import Candidate, IndexRules, Serving
from index.item_index import ItemIndex
from index.pq_index import PqIndex
from schemas.index_measurement import ServedSearch

_FETCHED = 3, 4, 5, 6, 8, 12, 16
"""Thirds of the candidates that may be fetched, rising."""


@dataclass(frozen=True, eq=False)
class _Fitted:
    index: ItemIndex
    of_list: float
    of_candidates: float


def served_by(
    near: Sequence[Candidate],
    trial: Trial,
    rules: IndexRules,
    batches: Sequence[int],
    clock: Callable[[], float],
) -> list[Serving]:
    """The candidates with the search that a worker makes, as cheap as the rules let it be.

    Args:
        near: what finds enough of the 100 best.
        trial: queries and their exact answers.
        rules: what the search must keep to.
        batches: queries at once that are measured.
        clock: seconds of the process's processor.
    """
    fitted = [_fitted(one.index, trial, rules) for one in near]
    searches = {at: one.index.search for at, one in enumerate(fitted)}
    times = {
        batch: microseconds(searches, trial.queries, batch, clock, wanted=rules.candidates)
        for batch in batches
    }
    return [
        Serving(
            one,
            found.index,
            ServedSearch(
                candidates=rules.candidates,
                us_per_query={str(batch): round(times[batch][at], 1) for batch in batches},
                recall_of_list=round(found.of_list, 5),
                recall_of_candidates=round(found.of_candidates, 5),
            ),
        )
        for at, (one, found) in enumerate(zip(near, fitted, strict=True))
    ]


def _fitted(index: ItemIndex, trial: Trial, rules: IndexRules) -> _Fitted:
    """The index, fetching the least of what is tried that finds enough, be it more than `refine` fetches.

    As it is where none of it does.
    """
    if isinstance(index, PqIndex):
        for thirds in _FETCHED:
            less = index.with_search({"served": rules.candidates, "fetched": thirds * rules.candidates // 3})
            fitted, is_enough = _judged(less, trial, rules)
            if is_enough:
                return fitted
    return _judged(index, trial, rules)[0]


def _judged(index: ItemIndex, trial: Trial, rules: IndexRules) -> tuple[_Fitted, bool]:
    """What a worker's search finds, and whether that is surely enough."""
    wanted = trial.exact[:, : rules.candidates]
    with one_thread():
        found, _ = index.search(trial.queries, wanted.shape[1])
    of_list = shares_found(found[:, : CUTOFFS[0]], wanted[:, : CUTOFFS[0]])
    of_candidates = shares_found(found, wanted)
    is_enough = surely(of_list) >= rules.least_recall and surely(of_candidates) >= rules.least_of_candidates
    return _Fitted(index, float(of_list.mean()), float(of_candidates.mean())), is_enough
