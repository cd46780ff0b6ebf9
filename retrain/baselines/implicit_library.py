"""The library `implicit`, on one thread and without its warnings about others.

Owns how it is called: one thread, seeded, sessions as users. Callers: `retrain.baselines.item_knn`,
`retrain.baselines.als_baseline`, `retrain.baselines.bpr_baseline`, `retrain.training.als_training`.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from retrain.baselines.session_matrix import session_item_matrix
from retrain.training.sessionize import Sessions


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS use one thread, as `implicit` asks for; to be held while its models are made and fitted."""
    from implicit.utils import ParameterWarning

    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        # It warns of the format of a matrix that it has made itself.
        warnings.simplefilter("ignore", ParameterWarning)
        yield


def user_items(sessions: Sessions, items: int) -> csr_matrix:
    """Counts in the form that `implicit` takes, float32 [sessions, items]."""
    return csr_matrix(session_item_matrix(sessions, items).astype(np.float32))
