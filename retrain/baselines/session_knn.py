"""S-KNN: the items of the past sessions most alike to the session, whatever the order.

Owns its weights. Source: Jannach & Ludewig 2017, "When recurrent neural networks meet the neighborhood for
session-based recommendation": cosine between sessions as sets, each neighbor votes with its similarity.
Caller: `retrain.baselines.registry`.
"""

from collections.abc import Callable
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrain.baselines.session_neighbors import neighbor_scores, overlaps, past_sessions
from retrain.baselines.session_prefixes import SessionPrefixes
from retrain.training.sessionize import Sessions


class SessionKnnConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `sknn`."""

    neighbors: Annotated[int, msgspec.Meta(ge=1)] = 500
    """Past sessions that vote."""
    sample: Annotated[int, msgspec.Meta(ge=1)] = 1000
    """Past sessions that are compared: the most recent ones that share an item."""
    last_events: Annotated[int, msgspec.Meta(ge=1, le=50)] = 3
    """Events of the session that count, the last ones."""


def fit_session_knn(
    sessions: Sessions, items: int, config: SessionKnnConfig
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

    def score(prefixes: SessionPrefixes) -> csr_array:
        found = overlaps(prefixes, past, _equal_items, config.sample, config.last_events)
        own_lengths = np.repeat(found.prefix_lengths, np.diff(found.weights.indptr))
        cosine = found.weights.data / np.sqrt(own_lengths * past.lengths[found.weights.indices])
        return neighbor_scores(found, cosine, _equal_votes, past, config.neighbors)

    return score


def _equal_items(age: NDArray[np.int64], _length: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.ones(len(age))


def _equal_votes(age: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.ones(len(age))
