"""BPR: factors that rank a session's items above others; a new session is the mean of its items' factors.

Owns the fitting by `implicit`. BPR has no fold-in in closed form: as in the item-based use of its factors, a
session that was not trained on takes the place of the mean of its last items; the items' biases stay. Source:
Rendle et al. 2009, "BPR: Bayesian personalized ranking from implicit feedback"; for sessions Hidasi et al.
2016. Caller: `retrain.baselines.registry`.
"""

from collections.abc import Callable
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrain.baselines.implicit_library import one_thread, user_items
from retrain.baselines.session_prefixes import SessionPrefixes
from retrain.training.sessionize import Sessions


class BprConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of `bpr`."""

    factors: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 100
    """Dimensions of an item's vector, without its bias."""
    learning_rate: Annotated[float, msgspec.Meta(gt=0)] = 0.05
    """Step size of the stochastic gradient descent."""
    regularization: Annotated[float, msgspec.Meta(ge=0)] = 0.01
    """Of the factors."""
    iterations: Annotated[int, msgspec.Meta(ge=1)] = 50
    """Passes of the training, each over as many pairs as there are events."""
    last_items: Annotated[int, msgspec.Meta(ge=1, le=50)] = 3
    """Items of a session in the mean, the last ones."""
    decay: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5
    """The weight in the mean falls by this factor from an item to the one before it."""
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 1
    """Of the first factors and the draws."""


def fit_bpr_vectors(sessions: Sessions, items: int, config: BprConfig) -> NDArray[np.float32]:
    """Learn to rank: float32 [items, factors + 1], the bias in the last column.

    Args:
        sessions: the training sessions.
        items: the size of the vocabulary.
        config: see there.
    """
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    with one_thread():
        model = BayesianPersonalizedRanking(
            factors=config.factors,
            learning_rate=config.learning_rate,
            regularization=config.regularization,
            iterations=config.iterations,
            num_threads=1,
            random_state=config.seed,
        )
        model.fit(user_items(sessions, items), show_progress=False)
    item_factors: NDArray[np.float32] = model.item_factors
    return item_factors


def mean_vectors(
    item_vectors: NDArray[np.float32], config: BprConfig
) -> Callable[[SessionPrefixes], NDArray[np.float32]]:
    """The queries of prefixes, float32 [n, factors + 1]: a weighted mean, and 1 for the bias.

    Args:
        item_vectors: float32 [items, factors + 1].
        config: as in the training.
    """

    def queries(prefixes: SessionPrefixes) -> NDArray[np.float32]:
        last = prefixes.last_items(config.last_items)
        weights = config.decay ** last.age.astype(np.float64)
        totals = np.bincount(last.prefix, weights, minlength=len(prefixes))
        shape = (len(prefixes), len(item_vectors))
        shares = csr_array((weights / totals[last.prefix], (last.prefix, last.item_row)), shape=shape)
        query: NDArray[np.float32] = (shares @ item_vectors).astype(np.float32)
        query[:, -1] = 1
        return query

    return queries
