"""VMIS-kNN: VS-KNN as Serenade serves it, over an index of each item's most recent sessions.

Owns its weights; they fall linearly, and only the last items of a session count. Source: Kersbergen,
Sprangers & Schelter 2022, "Serenade: low-latency session-based recommendation in e-commerce at scale".
Caller: `retrain.baselines.registry`.
"""

from collections.abc import Callable
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrain.baselines.session_neighbors import inverse_frequency, neighbor_scores, overlaps, past_sessions
from retrain.baselines.session_prefixes import SessionPrefixes
from retrain.training.sessionize import Sessions

_LEAST = 1e-6
"""In place of an inverse frequency of 0: an item that every session holds is found all the same."""


class VmisKnnConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `vmisknn`."""

    neighbors: Annotated[int, msgspec.Meta(ge=1)] = 500
    """Past sessions that vote (k)."""
    sample: Annotated[int, msgspec.Meta(ge=1)] = 5000
    """Past sessions that are compared: the most recent ones that share an item (m)."""
    last_events: Annotated[int, msgspec.Meta(ge=1, le=9)] = 3
    """Events of the session that count, the last ones."""


def fit_vmis_knn(
    sessions: Sessions, items: int, config: VmisKnnConfig
) -> Callable[[SessionPrefixes], csr_array]:
    """Index the training sessions.

    Args:
        sessions: the training sessions by the time of their end.
        items: the size of the vocabulary.
        config: see there.

    Returns:
        Scores [n, items] by prefixes.
    """
    past = past_sessions(sessions, items, config.sample)
    rarity = np.maximum(inverse_frequency(past), _LEAST)

    def score(prefixes: SessionPrefixes) -> csr_array:
        found = overlaps(prefixes, past, _linear_weight, config.sample, config.last_events)
        scores = neighbor_scores(found, found.weights.data, _linear_vote, past, config.neighbors)
        scores.data *= rarity[scores.indices]
        return scores

    return score


def _linear_weight(age: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.floating]:
    """Place in the session divided by its length: 1 for the last item."""
    return (length - age) / length


def _linear_vote(age: NDArray[np.int64]) -> NDArray[np.floating]:
    """1 less a tenth for each place from the session's end, .9 for the last item."""
    return 0.9 - 0.1 * age
