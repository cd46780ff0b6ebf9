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
        self.squares = torch.full_like(weight, _EPSILON, requires_grad=False)
        """The sum of the squared gradients so far, and a little more than 0 before the first one."""
        self.velocity = torch.zeros_like(weight, requires_grad=False) if momentum else None

    @torch.no_grad()
    def step(self, gradient: Tensor, learning_rate: float) -> None:
        """Move the weight against its gradient.

        Args:
            gradient: float32, of the weight's shape.
            learning_rate: of this step.
        """
        roots = self.squares.addcmul_(gradient, gradient).sqrt()
        self._move(self._weight, self.velocity, gradient, roots, learning_rate)

    @torch.no_grad()
    def step_rows(self, rows: Tensor, values: Tensor, gradient: Tensor, learning_rate: float) -> None:
        """Move some rows of the weight against their gradient.

        Args:
            rows: int64 [n], distinct.
            values: float32 [n, …], what the weight has there; is changed.
            gradient: float32 [n, …].
            learning_rate: of this step.
        """
        squares = self.squares.index_select(0, rows).addcmul_(gradient, gradient)
        _put_rows(self.squares, rows, squares)
        velocity = None if self.velocity is None else self.velocity.index_select(0, rows)
        self._move(values, velocity, gradient, squares.sqrt_(), learning_rate)
        _put_rows(self._weight, rows, values)
        if self.velocity is not None and velocity is not None:
            _put_rows(self.velocity, rows, velocity)

    def _move(
        self, weight: Tensor, velocity: Tensor | None, gradient: Tensor, roots: Tensor, learning_rate: float
    ) -> None:
        if velocity is None:
            weight.addcdiv_(gradient, roots, value=-learning_rate)
        else:
            velocity.mul_(self._momentum).addcdiv_(gradient, roots)
            weight.sub_(velocity, alpha=learning_rate)


def _put_rows(table: Tensor, rows: Tensor, values: Tensor) -> None:
    """Write whole rows; numpy copies them, where torch's `index_copy_` takes four times as long."""
    if table.device.type == "cpu":
        table.numpy()[rows.numpy()] = values.numpy()
    else:
        table.index_copy_(0, rows, values)
