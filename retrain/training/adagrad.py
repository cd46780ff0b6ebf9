"""Adagrad with momentum, on a whole weight or on some rows of it.

Owns what is gathered of a weight's gradients. What a step of sampled training touches is a small part of all
items: only their rows are read and written. Caller: `retrain.training.training_state`.
"""

import torch
from torch import Tensor

_EPSILON = 1e-6


class Adagrad:
    """Adagrad (Duchi et al. 2011); the momentum is of the scaled gradients, as in GRU4Rec."""

    def __init__(self, weight: Tensor, momentum: float = 0.0) -> None:
        """Train `weight` in place.

        Args:
            weight: float32 of any shape.
            momentum: the share of the last step that a step repeats, 0 to 1 (excluded).
        """
        self._weight = weight
        self._momentum = momentum
        self.squares = torch.zeros_like(weight)
        """The sum of the squared gradients so far."""
        self.velocity = torch.zeros_like(weight) if momentum else None

    @torch.no_grad()
    def step(self, gradient: Tensor, learning_rate: float, rows: Tensor | None = None) -> None:
        """Move the weight against its gradient.

        Args:
            gradient: float32, of the weight's shape, or [n, …] for n rows.
            learning_rate: of this step.
            rows: int64 [n], distinct; None for all.
        """
        if rows is None:
            squares = self.squares.addcmul_(gradient, gradient).add(_EPSILON)
        else:
            squares = self.squares.index_select(0, rows).addcmul_(gradient, gradient)
            self.squares.index_copy_(0, rows, squares)
            squares.add_(_EPSILON)
        change = gradient / squares.sqrt_()
        if self.velocity is not None:
            change = self._carried(change, rows)
        if rows is None:
            self._weight.sub_(change, alpha=learning_rate)
        else:
            self._weight.index_add_(0, rows, change, alpha=-learning_rate)

    def _carried(self, change: Tensor, rows: Tensor | None) -> Tensor:
        assert self.velocity is not None
        if rows is None:
            return self.velocity.mul_(self._momentum).add_(change)
        carried = self.velocity.index_select(0, rows).mul_(self._momentum).add_(change)
        self.velocity.index_copy_(0, rows, carried)
        return carried
