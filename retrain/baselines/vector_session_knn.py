"""VS-KNN: session neighbors found by the last items of the session above all.

Owns its weights. Source: Ludewig & Jannach 2018, "Evaluation of session-based recommendation algorithms",
section 3.2 (vector multiplication, weighted votes, inverse item frequency). Caller:
`retrain.baselines.registry`.
"""

from collections.abc import Callable
from typing import Annotated

import msgspec
import numpy as np
from scipy.sparse import csr_array

from retrain.baselines.session_neighbors import (
    ItemWeight,
    Vote,
    inverse_frequency,
    neighbor_scores,
    overlaps,
    past_sessions,
)
from retrain.baselines.session_prefixes import SessionPrefixes
from retrain.training.sessionize import Sessions


class VectorSessionKnnConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `vsknn`.

    Items of a session weigh 1 / n ** power, n = 1 for its last item, 2 for the one before.
    """

    neighbors: Annotated[int, msgspec.Meta(ge=1)] = 1000
    """Past sessions that vote."""
    sample: Annotated[int, msgspec.Meta(ge=1)] = 5000
    """Past sessions that are compared: the most recent ones that share an item."""
    last_events: Annotated[int, msgspec.Meta(ge=1, le=50)] = 50
    """Events of the session that count, the last ones."""
    similarity_power: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    """How fast the weight of shared items falls in the similarity."""
    vote_power: Annotated[float, msgspec.Meta(ge=0)] = 2.0
    """How fast a neighbor's vote falls with the place of the last shared item."""
    length_power: Annotated[float, msgspec.Meta(ge=0)] = 0.5
    """The similarity is divided by a past session's number of items to this power; 0.5 as in a cosine."""
    idf: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    """Scores are multiplied by 1 + idf * log(sessions / sessions with the item); 0: not."""


def fit_vector_session_knn(
    sessions: Sessions, items: int, config: VectorSessionKnnConfig
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
    rarity = 1 + config.idf * inverse_frequency(past)
    item_weight, vote = _similarity_weight(config.similarity_power), _vote(config.vote_power)
    by_length = np.maximum(past.lengths, 1) ** -config.length_power

    def score(prefixes: SessionPrefixes) -> csr_array:
        found = overlaps(prefixes, past, item_weight, config.sample, config.last_events)
        similarity = found.weights.data * by_length[found.weights.indices]
        scores = neighbor_scores(found, similarity, vote, past, config.neighbors)
        scores.data *= rarity[scores.indices]
        return scores

    return score


def _similarity_weight(power: float) -> ItemWeight:
    return lambda age, _length: (age + 1.0) ** -power


def _vote(power: float) -> Vote:
    return lambda age: (age + 1.0) ** -power
