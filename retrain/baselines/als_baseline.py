"""ALS: a session as a user whom the factorization never saw, folded in at each event.

Owns the fitting by `implicit`; the fold-in is `models.als_fold_in`. Sources: Hu, Koren & Volinsky 2008,
"Collaborative filtering for implicit feedback datasets"; Takacs, Pilaszy & Tikk 2011, "Applications of the
conjugate gradient method for implicit feedback collaborative filtering". Callers:
`retrain.baselines.registry`, `retrain.training.als_training`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.als_config import AlsConfig
from models.als_fold_in import confidences, fold_in, whitened
from retrain.baselines.implicit_library import one_thread, user_items
from retrain.baselines.session_prefixes import SessionPrefixes
from retrain.training.sessionize import Sessions


def fit_item_factors(
    sessions: Sessions,
    items: int,
    config: AlsConfig,
    progress: Callable[[int, float, float], None] | None = None,
    start: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Factorize sessions by items: float32 [items, factors].

    Args:
        sessions: the training sessions.
        items: the size of the vocabulary.
        config: see there.
        progress: called after each iteration with its number from 0, its seconds, and the mean weighted
            squared error over all sessions and items; None saves the computing of the error.
        start: float32 [items, factors], the factors before the first iteration; None: drawn at random.
    """
    from implicit.cpu.als import AlternatingLeastSquares

    with one_thread():
        model = AlternatingLeastSquares(
            factors=config.factors,
            regularization=config.regularization,
            alpha=config.alpha,
            iterations=config.iterations,
            calculate_training_loss=progress is not None,
            num_threads=1,
            random_state=config.seed,
        )
        model.item_factors = None if start is None else start.copy()
        model.fit(user_items(sessions, items), show_progress=False, callback=progress)
    item_factors: NDArray[np.float32] = model.item_factors
    return item_factors


def fit_als_vectors(sessions: Sessions, items: int, config: AlsConfig) -> NDArray[np.float32]:
    """The whitened vectors of `fit_item_factors`, float32 [items, factors]."""
    return whitened(fit_item_factors(sessions, items, config), config.regularization)


def folded_in(
    item_vectors: NDArray[np.float32], config: AlsConfig
) -> Callable[[SessionPrefixes], NDArray[np.float32]]:
    """The queries of prefixes, float32 [n, factors].

    Args:
        item_vectors: float32 [items, factors], whitened.
        config: as in the training.
    """
    confidence = confidences(config.alpha, config.decay, config.last_items)

    def queries(prefixes: SessionPrefixes) -> NDArray[np.float32]:
        last = prefixes.last_items(config.last_items)
        vectors = np.zeros((len(prefixes), config.last_items, item_vectors.shape[1]), dtype=np.float32)
        vectors[last.prefix, last.age] = item_vectors[last.item_row]
        return fold_in(vectors, confidence)

    return queries
