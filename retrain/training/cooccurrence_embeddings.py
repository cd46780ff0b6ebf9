"""Initial item embeddings from which items stand near one another in the training sessions.

Owns the count and its factorisation. A training that starts here needs half the epochs: the embeddings know
which items go together before the first step. Caller: `retrain.training.training_state`.
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from retrain.training.sessionize import Sessions

_WEIGHTS = (1.0, 1 / 2, 1 / 3)
"""Of two events at distance 1, 2 and 3 in a session."""
_OVERSAMPLING = 10
_POWER_ITERATIONS = 3


def cooccurrence_embeddings(
    sessions: Sessions, items: int, dim: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Factors of the items' positive pointwise mutual information (Levy & Goldberg 2014).

    Args:
        sessions: to count in.
        items: the size of the vocabulary.
        dim: of an embedding.
        random: for the randomized factorisation (Halko et al. 2011).

    Returns:
        float32 [items, dim], U sqrt(S) of the truncated singular value decomposition, of standard deviation 1
        overall; zeros for items without company, and in columns beyond the number of items.
    """
    information = _positive_information(cooccurrence_counts(sessions, items))
    rank = min(dim, items)
    basis = random.standard_normal((items, min(rank + _OVERSAMPLING, items)), dtype=np.float32)
    for _ in range(_POWER_ITERATIONS):
        basis, _ = np.linalg.qr(information @ basis)
    rotation, strengths, _ = np.linalg.svd((information.T @ basis).T, full_matrices=False)
    embeddings = np.zeros((items, dim), dtype=np.float32)
    embeddings[:, :rank] = (basis @ rotation[:, :rank]) * np.sqrt(strengths[:rank])
    deviation = embeddings.std()
    return embeddings / deviation if deviation > 0 else embeddings


def cooccurrence_counts(sessions: Sessions, items: int) -> sp.csr_matrix:
    """How often two items stand near one another, nearer ones more; symmetric, float64 [items, items]."""
    rows = sessions.item_rows
    session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
    counts = sp.csr_matrix((items, items), dtype=np.float64)
    for distance, weight in enumerate(_WEIGHTS, start=1):
        near = np.flatnonzero(session[distance:] == session[:-distance])
        pairs = rows[near], rows[near + distance]
        counts += sp.csr_matrix((np.full(len(near), weight), pairs), shape=(items, items))
    return counts + counts.T


def _positive_information(counts: sp.csr_matrix) -> sp.csr_matrix:
    """max(0, log p(i, j) / (p(i) p(j)))."""
    pairs = counts.tocoo()
    of_item = np.asarray(counts.sum(axis=1)).ravel()
    information = np.log(pairs.data * of_item.sum() / (of_item[pairs.row] * of_item[pairs.col]))
    kept = information > 0
    return sp.csr_matrix(
        (information[kept].astype(np.float32), (pairs.row[kept], pairs.col[kept])), shape=counts.shape
    )
