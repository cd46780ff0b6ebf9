"""Item co-occurrence: the items that share the most sessions with the last item, in whatever order.

Owns the counting of pairs. Source: association rules (AR) of Ludewig & Jannach 2018, section 3.1. Caller:
`retrain.baselines.registry`.
"""

from collections.abc import Callable

import msgspec
import numpy as np
from scipy.sparse import csr_array

from retrain.baselines.sequential_rules import rule_scores
from retrain.baselines.session_matrix import session_item_matrix
from retrain.baselines.session_prefixes import SessionPrefixes
from retrain.training.sessionize import Sessions


class CooccurrenceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`last_item` has no options."""


def fit_cooccurrence(
    sessions: Sessions, items: int, _config: CooccurrenceConfig
) -> Callable[[SessionPrefixes], csr_array]:
    """Count the pairs of places of a session that hold two items; an item pairs with its own repetitions.

    Args:
        sessions: the training sessions.
        items: the size of the vocabulary.

    Returns:
        Scores [n, items] by prefixes.
    """
    counts = session_item_matrix(sessions, items)
    pairs = (counts.T @ counts).tocoo()
    itself = np.asarray(counts.sum(axis=0)).ravel()
    data = pairs.data - np.where(pairs.row == pairs.col, itself[pairs.row], 0)
    kept = data > 0
    shape = (items, items)
    return rule_scores(csr_array((data[kept], (pairs.row[kept], pairs.col[kept])), shape=shape))
