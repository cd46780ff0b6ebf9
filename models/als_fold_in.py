"""ALS fold-in: from the item factors of an implicit-feedback ALS to the query of a session that it never saw.

Owns the equations, in numpy: what `encoder.onnx` of strategy `als` computes is held to them by a test.
Source: Hu, Koren & Volinsky 2008, "Collaborative filtering for implicit feedback datasets", equation 4.
Callers: `retrain.training.als_training`, `retrain.baselines.als_baseline`, `models.als_encoder_export`.

The query of a session minimises  sum over all items (x.y)^2  +  sum over its items [c (1 - x.y)^2 - (x.y)^2]
+  regularization |x|^2,  so  x = (YtY + regularization I + sum (c - 1) y yt)^-1 sum c y.  With item vectors
v = (YtY + regularization I)^-1/2 y  the constant matrix becomes the identity and every inner product stays
what it was: x = (I + sum (c - 1) v vt)^-1 sum c v. Only the session's items are left in the equation, as many
unknowns as there are items.
"""

import numpy as np
from numpy.typing import NDArray


def whitened(item_factors: NDArray[np.float32], regularization: float) -> NDArray[np.float32]:
    """The item vectors v above, float32 [items, factors].

    Args:
        item_factors: float32 [items, factors], Y.
        regularization: as in the training, > 0.
    """
    factors = item_factors.astype(np.float64)
    values, axes = np.linalg.eigh(factors.T @ factors + regularization * np.eye(factors.shape[1]))
    root = axes / np.sqrt(values) @ axes.T
    vectors: NDArray[np.float32] = (factors @ root).astype(np.float32)
    return vectors


def confidences(alpha: float, decay: float, last_items: int) -> NDArray[np.float32]:
    """The confidence c of each item of a session by age, float32 [last_items]: alpha for the last one.

    Args:
        alpha: as in the training.
        decay: of the confidence from an item to the one before it.
        last_items: how many items count.
    """
    return (alpha * decay ** np.arange(last_items)).astype(np.float32)


def fold_in(vectors: NDArray[np.float32], confidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """The queries of sessions, float32 [n, factors].

    Args:
        vectors: float32 [n, last_items, factors], the whitened vectors of the sessions' last items, the
            latest first; zeros where a session has fewer.
        confidence: float32 [last_items]; what lies below 1 adds nothing to the matrix.
    """
    extra = np.maximum(confidence - 1, 0)
    alike = vectors @ vectors.transpose(0, 2, 1)
    matrix = np.eye(len(confidence)) + extra[:, None] * alike.astype(np.float64)
    weights = np.linalg.solve(matrix, np.broadcast_to(confidence[:, None], (*matrix.shape[:2], 1)))
    queries: NDArray[np.float32] = np.einsum("nl,nlf->nf", weights[:, :, 0].astype(np.float32), vectors)
    return queries
