"""Index rules: which of the measured indexes is taken.

Owns the rule, in two steps. Near the fastest: what surely finds enough of the 100 best within the budget, and
takes little longer than the fastest that does. Best of these, by the time of the search that a worker makes:
again what takes little longer than the fastest, the simplest of it, and of its variants the one that finds
most. So noise of the clock does not decide. Caller: `index.index_choice`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from index.index_measuring import Recall
from index.item_index import ItemIndex
from schemas.index_measurement import IndexMeasurement, ServedSearch

SLACK = 1.15
"""So much longer than the fastest may a search take that is simpler or finds more."""


@dataclass(frozen=True)
class IndexRules:
    """What an index must keep to."""

    least_recall: float = 0.99
    """Of the 20 and of the 100 best, and of the list among the candidates of a worker."""
    budget_us: float = 1000.0
    """Microseconds a query for the 100 best, in batches."""
    candidates: int = 48
    """What a worker searches for at first: `models.list_ranker.candidates_for` a list of 20."""

    @property
    def least_of_candidates(self) -> float:
        """Of the worker's candidates: those behind the list stand in only where filters take of it."""
        return 1 - 2 * (1 - self.least_recall)


@dataclass(frozen=True, eq=False)
class Candidate:
    """An index and what was measured of it."""

    index: ItemIndex
    recall: Recall
    measured: IndexMeasurement


@dataclass(frozen=True, eq=False)
class Serving:
    """A candidate, with the search that a worker makes."""

    candidate: Candidate
    index: ItemIndex
    """The candidate's, which fetches for a worker what it needs and no more."""
    served: ServedSearch


def near_fastest(candidates: Sequence[Candidate], rules: IndexRules) -> list[Candidate]:
    """Those that find enough in little more than the least time; at least one finds everything."""
    enough = [one for one in candidates if one.recall.surely >= rules.least_recall]
    within = [one for one in enough if us_of(one) <= rules.budget_us] or enough
    limit = SLACK * min(us_of(one) for one in within)
    return [one for one in within if us_of(one) <= limit]


def best(near: Sequence[Serving]) -> Serving:
    """The one that is taken; simpler ones come first."""
    limit = SLACK * min(_in_batches(one.served.us_per_query) for one in near)
    fast = [one for one in near if _in_batches(one.served.us_per_query) <= limit]
    simplest = [one for one in fast if _shape(one.candidate) == _shape(fast[0].candidate)]
    return max(simplest, key=lambda one: one.candidate.recall.surely)


def frontier_of(candidates: Sequence[Candidate]) -> list[IndexMeasurement]:
    """The measurements that no other beats in both time and recall, the fastest first."""
    frontier: list[Candidate] = []
    for one in sorted(candidates, key=lambda one: (us_of(one), -_recall(one))):
        if not frontier or _recall(one) > _recall(frontier[-1]):
            frontier.append(one)
    return [one.measured for one in frontier]


def us_of(candidate: Candidate) -> float:
    """The time of a search for the 100 best in the largest batches."""
    return _in_batches(candidate.measured.us_per_query)


def _in_batches(us_per_query: dict[str, float]) -> float:
    return us_per_query[max(us_per_query, key=int)]


def _recall(candidate: Candidate) -> float:
    return min(candidate.recall.at_20, candidate.recall.at_100)


def _shape(candidate: Candidate) -> tuple[str, bool]:
    """What is simpler than what: an exact search than codes, codes than codes in lists."""
    return candidate.measured.kind, bool(candidate.measured.parameters.get("nlist", 0))
