"""What one step of training reads, and what it gives: the lanes, the loss and its gradients.

Owns the two records that pass between `retrain.training.training_state` and the two ways of making a step,
`retrain.training.autograd_step` and `retrain.training.closed_form_step`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class Repeats(NamedTuple):
    """The items that the lanes' sessions have had; each a pair of a lane and an item."""

    lanes: NDArray[np.int64]
    """int64 [pairs]."""
    places: NDArray[np.int64]
    """int64 [pairs], of the items among the rows that the step touches."""
    cases: NDArray[np.int64]
    """int64 [pairs], see `models.repeat_bias.bias_cases`."""


class Lanes(NamedTuple):
    """A step's lanes."""

    targets: NDArray[np.int64]
    """int64 [lanes], places among the rows of the item matrix that the step touches."""
    inputs: NDArray[np.int64]
    """int64 [lanes], places as well."""
    event_types: NDArray[np.int64]
    """int64 [lanes], of the inputs."""
    starts: NDArray[np.bool_]
    """bool [lanes], whether a session starts and the state before is zero."""
    repeats: Repeats
    """What gains a repeat bias, and is a candidate of its lane in any case; empty without such a table."""

    def starts_last(self) -> tuple["Lanes", NDArray[np.int64], int]:
        """The lanes whose session goes on, then the others; where each was, and how many go on."""
        order = np.argsort(self.starts, kind="stable")
        now = np.empty_like(order)
        now[order] = np.arange(len(order))
        sorted_lanes = Lanes(
            self.targets[order],
            self.inputs[order],
            self.event_types[order],
            self.starts[order],
            self.repeats._replace(lanes=now[self.repeats.lanes]),
        )
        return sorted_lanes, order, len(order) - int(self.starts.sum())


class StepGradient(NamedTuple):
    """What a step gives, besides the gradients of the encoder's weights, which lie in their `grad`."""

    loss: float
    """Summed over the lanes."""
    by_rows: Tensor
    """float32 [rows, item_dim], of the touched rows of the item matrix."""
    after: Tensor
    """float32 [lanes, units], the next hidden states."""
