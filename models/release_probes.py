"""Whether a list is the one that another machine gave, up to how their processors round.

Pure. Owns the tolerance and what a difference is called. Callers: `models.probe_answers`, which gives the
lists to compare; the tests.

Two machines compute a score in different orders of additions, so equal items have scores that differ in the
last digits, and items of nearly equal scores change places. At the cut of the list, where the next item is
not seen, the score of the k-th decides: who is missing may have been just above it, who is new just below.
"""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.ids import ItemId

TOLERANCE = 1e-3
"""Scores that differ by so much count as equal."""
RELATIVE_TOLERANCE = 1e-5
"""And so do those that differ by this share of the list's greatest score: models without a score scale have
scores of thousands, of which float32 holds seven digits."""


class RankedItem(NamedTuple):
    """One place of a list."""

    item_id: ItemId
    score: float


class Difference(NamedTuple):
    """One place where two lists differ by more than rounding."""

    rank: int
    """In the promised list, from 1; of an item that was not promised, in the found one."""
    item_id: ItemId
    said: str
    is_missed: bool = False
    """Whether all that is wrong is that the search did not find the item."""


def differences(promised: Sequence[RankedItem], found: Sequence[RankedItem], k: int) -> list[Difference]:
    """Where a list is not the promised one, up to items whose scores differ by at most the tolerance.

    An item that is in both lists must have the same score, and may have changed places with items of the same
    score only. An item in one of them must be one that the cut may take: its score is not above that of the
    other list's k-th item. "The same" is within the tolerance.

    Args:
        promised: the list of the building machine, best first, of different items.
        found: the list of this machine, likewise.
        k: the length at which lists are cut; a shorter one has no cut.

    Returns:
        The differences by rank; none where the lists are alike.
    """
    within = _tolerance(promised)
    scores, found_scores = dict(promised), dict(found)
    return sorted(
        [
            *_missing(promised, found_scores, _cut(found, k) + within),
            *_new(found, scores, _cut(promised, k) + within),
            *_other_scores(promised, found_scores, within),
            *_other_order(promised, found, within),
        ]
    )


def _tolerance(promised: Sequence[RankedItem]) -> float:
    return max(TOLERANCE, RELATIVE_TOLERANCE * max((abs(one.score) for one in promised), default=0.0))


def _cut(ranked: Sequence[RankedItem], k: int) -> float:
    """The greatest score that an item beyond the list may have; a list without a cut has none beyond it."""
    return ranked[k - 1].score if len(ranked) >= k else float("-inf")


def _missing(promised: Sequence[RankedItem], found: dict[ItemId, float], highest: float) -> list[Difference]:
    return [
        Difference(rank, item, f"not in the list, where it had the score {score:.6g}", is_missed=True)
        for rank, (item, score) in enumerate(promised, 1)
        if item not in found and not score <= highest
    ]


def _new(found: Sequence[RankedItem], promised: dict[ItemId, float], highest: float) -> list[Difference]:
    return [
        Difference(rank, item, f"not promised, and has the score {score:.6g}", is_missed=True)
        for rank, (item, score) in enumerate(found, 1)
        if item not in promised and not score <= highest
    ]


def _other_scores(
    promised: Sequence[RankedItem], found: dict[ItemId, float], within: float
) -> list[Difference]:
    return [
        Difference(rank, item, f"has the score {found[item]:.6g}, not {score:.6g}")
        for rank, (item, score) in enumerate(promised, 1)
        if item in found and not abs(found[item] - score) <= within
    ]


def _other_order(
    promised: Sequence[RankedItem], found: Sequence[RankedItem], within: float
) -> list[Difference]:
    """Items of both lists in another order, though their promised scores are not the same."""
    scores, in_found = dict(promised), {one.item_id for one in found}
    ranks = {one.item_id: rank for rank, one in enumerate(promised, 1)}
    expected = [one.item_id for one in promised if one.item_id in in_found]
    actual = [one.item_id for one in found if one.item_id in scores]
    return [
        Difference(ranks[was], was, f"({scores[was]:.6g}) has changed places with {now} ({scores[now]:.6g})")
        for was, now in zip(expected, actual, strict=True)
        if not abs(scores[was] - scores[now]) <= within
    ]
