"""Session neighbors: the past sessions most alike to each prefix, and the items that they recommend.

Owns the search that S-KNN, VS-KNN and VMIS-kNN share; what they differ in are the weights. The index of
Kersbergen et al. 2022 ("Serenade: low-latency session-based recommendation in e-commerce at scale") makes it
exact and fast: of each item only the most recent sessions are kept, as many as are compared at all.
Callers: `retrain.baselines.session_knn`, `vector_session_knn`, `vmis_knn`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from retrain.baselines.session_matrix import session_item_matrix
from retrain.baselines.session_prefixes import SessionPrefixes
from retrain.baselines.sparse_ranking import among_greatest
from retrain.training.sessionize import Sessions

ItemWeight = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.floating]]
"""The weight > 0 of a prefix's item, by its age and the number of the prefix's events that count."""
Vote = Callable[[NDArray[np.int64]], NDArray[np.floating]]
"""The weight > 0 of a neighbor, by the age of the latest item that it shares."""
MAX_LAST_EVENTS = 50
"""The last events of a prefix that count; an overlap and its latest item then fit one complex number."""


@dataclass(frozen=True, eq=False)
class PastSessions:
    """The training sessions, the most recent first: number 0 is the one that ended last."""

    items_of: csr_array
    """float64 [sessions, items]: 1 where a session holds an item."""
    recent_of: csr_array
    """complex128 [items, sessions]: 1 at an item's most recent sessions."""
    lengths: NDArray[np.int64]
    """int64 [sessions]: distinct items."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """What n prefixes share with past sessions."""

    weights: csr_array
    """float64 [n, sessions]: the sum of the weights of the shared items."""
    latest_age: NDArray[np.int64]
    """int64 [entries of `weights`]: the age of the latest shared item."""
    prefix_lengths: NDArray[np.int64]
    """int64 [n]: distinct items of a prefix."""


def past_sessions(sessions: Sessions, items: int, sample: int) -> PastSessions:
    """Index the training sessions.

    Args:
        sessions: by rising time of their end.
        items: the size of the vocabulary.
        sample: how many sessions are compared with a prefix, the most recent ones.
    """
    held = session_item_matrix(sessions, items)[::-1]
    held.data[:] = 1
    by_item = csc_array(held)
    by_item.sort_indices()
    place = np.arange(by_item.nnz) - np.repeat(by_item.indptr[:-1], np.diff(by_item.indptr))
    recent = place < sample
    starts = np.concatenate([[0], np.cumsum(recent)])[by_item.indptr]
    recent_of = csr_array(
        (np.ones(int(recent.sum()), np.complex128), by_item.indices[recent], starts),
        shape=(items, len(sessions)),
    )
    return PastSessions(held, recent_of, np.diff(held.indptr))


def overlaps(
    prefixes: SessionPrefixes,
    past: PastSessions,
    item_weight: ItemWeight,
    sample: int,
    last_events: int = MAX_LAST_EVENTS,
) -> Overlaps:
    """Compare prefixes with the most recent past sessions that share an item with them.

    A session among the `sample` most recent ones that share any item is among the `sample` most recent ones
    of that item: the short index loses nothing.

    Args:
        prefixes: n of them.
        past: made with the same `sample`.
        item_weight: of a prefix's items.
        sample: how many sessions are compared.
        last_events: how many events of a prefix count, at most `MAX_LAST_EVENTS`.
    """
    last = prefixes.last_distinct_items(last_events)
    length = np.minimum(prefixes.end - prefixes.first, last_events)[last.prefix]
    # Distinct ages: the greatest of some powers of two is the exponent of their sum.
    marks = item_weight(last.age, length) + 1j * np.ldexp(1.0, -last.age)
    shape = (len(prefixes), past.recent_of.shape[0])
    shared = csr_array((marks, (last.prefix, last.item_row)), shape=shape) @ past.recent_of
    recent = among_greatest(_with(shared, np.ones(shared.nnz)), sample)
    shared = _only(shared, recent)
    return Overlaps(
        weights=_with(shared, shared.data.real),
        latest_age=1 - np.frexp(shared.data.imag)[1].astype(np.int64),
        prefix_lengths=np.bincount(last.prefix, minlength=len(prefixes)),
    )


def neighbor_scores(
    found: Overlaps, similarity: NDArray[np.float64], vote: Vote, past: PastSessions, neighbors: int
) -> csr_array:
    """Scores of items: the sum of similarity times vote over the nearest sessions that hold them.

    Args:
        found: by n prefixes.
        similarity: float64 [entries of `found.weights`], > 0; of equals the more recent session is nearer.
        vote: a neighbor's weight by the age of the latest shared item.
        past: the sessions.
        neighbors: how many sessions vote.

    Returns:
        float64 [n, items].
    """
    nearest = among_greatest(_with(found.weights, similarity), neighbors)
    votes = _only(_with(found.weights, similarity * vote(found.latest_age)), nearest)
    return votes @ past.items_of


def inverse_frequency(past: PastSessions) -> NDArray[np.float64]:
    """log(sessions / sessions that hold the item), float64 [items], ≥ 0."""
    sessions, items = past.items_of.shape
    held_by = np.bincount(past.items_of.indices, minlength=items)
    frequency: NDArray[np.float64] = np.log(max(sessions, 1) / np.maximum(held_by, 1))
    return frequency


def _with(matrix: csr_array, data: NDArray[np.generic]) -> csr_array:
    """The same entries with other values."""
    return csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def _only(matrix: csr_array, kept: NDArray[np.bool_]) -> csr_array:
    """The kept entries alone."""
    starts = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr]
    return csr_array((matrix.data[kept], matrix.indices[kept], starts), shape=matrix.shape)
