"""Adagrad on some rows of a matrix: what a step of sampled training touches is a small part of all items.

Owns the accumulated squares of the item matrix's gradients. Caller: `retrain.training`.
"""

import torch
from torch import Tensor

_EPSILON = 1e-6


class RowAdagrad:
    """Adagrad (Duchi et al. 2011) whose steps touch given rows only."""

    def __init__(self, matrix: Tensor, learning_rate: float) -> None:
        """Train `matrix` in place."""
        self._matrix = matrix
        self._learning_rate = learning_rate
        self._squares = torch.zeros_like(matrix)

    def step(self, rows: Tensor, gradient: Tensor) -> None:
        """Move some rows against their gradient.

        Args:
            rows: int64 [n], distinct.
            gradient: float32 [n, dim].
        """
        squares = self._squares.index_select(0, rows).addcmul_(gradient, gradient)
        self._squares.index_copy_(0, rows, squares)
        scaled = gradient / squares.add_(_EPSILON).sqrt_()
        self._matrix.index_add_(0, rows, scaled, alpha=-self._learning_rate)
