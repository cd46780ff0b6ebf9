"""Session popularity: the session's own items, the most frequent first.

Owns the counting; the items of the whole log that follow are filled in as for every baseline. Caller:
`retrain.baselines.registry`.
"""

from collections.abc import Callable

import msgspec
import numpy as np
from scipy.sparse import csr_array

from retrain.baselines.session_prefixes import SessionPrefixes
from retrain.training.sessionize import Sessions


class SessionPopularConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`session_popular` has no options."""


def fit_session_counts(
    _sessions: Sessions, items: int, _config: SessionPopularConfig
) -> Callable[[SessionPrefixes], csr_array]:
    """Scores [n, items]: how often an item occurs in a prefix; nothing is learned.

    Args:
        items: the size of the vocabulary.
    """

    def score(prefixes: SessionPrefixes) -> csr_array:
        found = prefixes.last_items(len(prefixes.item_rows))
        ones = np.ones(len(found.prefix))
        counts = csr_array((ones, (found.prefix, found.item_row)), shape=(len(prefixes), items))
        counts.sum_duplicates()
        return counts

    return score
