"""Exposure: how often the lists show each item, and what follows for coverage, concentration and variety.

Pure numpy over rows of one model's vocabulary. Sources: catalogue coverage, Ge, Delgado-Battenfeld & Jannach
2010; aggregate diversity, Adomavicius & Kwon 2012; Gini index and entropy of exposures, Shani & Gunawardana
2011; inter-user diversity, Zhou et al. 2010. Caller: `retrain.evaluation.beyond_accuracy`.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 16
"""About so many lists at once."""


def exposures(listed_rows: NDArray[np.int32], items: int) -> NDArray[np.int64]:
    """In how many lists each item stands, int64 [items].

    Args:
        listed_rows: int32 [lists, k], filled up with -1; no item twice in a list.
        items: the size of the vocabulary.
    """
    return np.bincount(listed_rows.ravel() + 1, minlength=items + 1)[1:]


def gini(exposure: NDArray[np.int64]) -> float:
    """0 where all items are shown equally often, near 1 where one takes all; 0 where nothing is shown.

    With the exposures e_1 <= … <= e_m of all m items: sum of (2i - m - 1) e_i over m times the sum of e_i.
    """
    items, shown = len(exposure), int(exposure.sum())
    if not shown:
        return 0.0
    weights = 2 * np.arange(1, items + 1) - items - 1
    return int(weights @ np.sort(exposure)) / (items * shown)


def entropy_bits(exposure: NDArray[np.int64]) -> float:
    """Shannon entropy of the item of a list entry drawn at random; 0 where nothing is shown."""
    shown = exposure[exposure > 0]
    share = shown / max(1, int(shown.sum()))
    return abs(float((share * np.log2(share)).sum()))


def inter_session_diversity(listed_rows: NDArray[np.int32], session: NDArray[np.int32], items: int) -> float:
    """The mean of 1 - (items in both lists) / k over all pairs of lists of different sessions; 0 of no pair.

    Not sampled: the pairs that share an item follow from its exposure.

    Args:
        listed_rows: int32 [lists, k].
        session: int32 [lists], rising.
        items: the size of the vocabulary.
    """
    n, k = listed_rows.shape
    lists_of_session = np.bincount(session)
    pairs = n * (n - 1) - int((lists_of_session * (lists_of_session - 1)).sum())
    if not pairs:
        return 0.0
    exposure = exposures(listed_rows, items)
    shared = int((exposure * (exposure - 1)).sum())
    for part in _whole_sessions(session):
        keys = session[part, None].astype(np.int64) * items + listed_rows[part]
        _, times = np.unique(keys[listed_rows[part] >= 0], return_counts=True)
        shared -= int((times * (times - 1)).sum())
    return float(1 - shared / (k * pairs))


def _whole_sessions(session: NDArray[np.int32]) -> Iterator[slice]:
    """Slices that end where a session ends."""
    ends = np.append(np.flatnonzero(np.diff(session)) + 1, len(session))
    start = 0
    while start < len(session):
        end = int(ends[np.searchsorted(ends, min(start + _BLOCK, len(session)))])
        yield slice(start, end)
        start = end
