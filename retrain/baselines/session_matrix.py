"""Session matrix: sessions as users, how often each holds an item.

Owns the form in which `implicit` and the counting baselines see the training data. Callers:
`retrain.baselines` (item_cooccurrence, session_neighbors, item_knn, factors),
`retrain.training.als_training`.
"""

import numpy as np
from scipy.sparse import csr_array

from retrain.training.sessionize import Sessions


def session_item_matrix(sessions: Sessions, items: int) -> csr_array:
    """Counts, float64 [sessions, items], columns of a row rising.

    Args:
        sessions: of known items.
        items: the size of the vocabulary.
    """
    ones = np.ones(len(sessions.item_rows))
    matrix = csr_array((ones, sessions.item_rows, sessions.offsets), shape=(len(sessions), items))
    matrix.sum_duplicates()
    return matrix
