"""Session-parallel mini-batches (Hidasi et al. 2016, fig. 1): lanes of sessions, one event of each a step.

Owns which session runs in which lane and when. A lane runs one session after the other, in the order given;
its hidden state starts at zero with each. Callers: `retrain.training.training`,
`retrain.training.member_processes`.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrain.training.sessionize import Sessions

_NONE = -1


@dataclass(frozen=True, eq=False)
class Step:
    """One event of each running lane and the item that follows it. Lanes stop one by one, the last first."""

    inputs: NDArray[np.int64]
    """int64 [lanes], item rows."""
    event_types: NDArray[np.int64]
    """int64 [lanes], of the inputs; zeros where all are of one type."""
    targets: NDArray[np.int64]
    """int64 [lanes], the rows of the next items."""
    starts: NDArray[np.bool_]
    """bool [lanes], whether the input is the first of its session."""


class SessionParallelBatches:
    """The steps of one epoch; the same in every epoch."""

    def __init__(self, sessions: Sessions, batch_size: int) -> None:
        """Lay the sessions out in lanes.

        Args:
            sessions: in training order; those of one event have nothing to predict and are left out.
            batch_size: the number of lanes; fewer where there are fewer sessions.
        """
        lengths = np.diff(sessions.offsets) - 1
        used = np.flatnonzero(lengths > 0)
        lengths = lengths[used]
        self.lanes = min(batch_size, len(used))
        self.events = int(lengths.sum())
        """Inputs with a target, in all lanes."""
        lane, first_step, lane_lengths = _assign(lengths, self.lanes)
        self._lane_lengths = lane_lengths
        within = np.arange(self.events) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        place = np.repeat(sessions.offsets[used], lengths) + within
        at = np.repeat(first_step, lengths) + within, np.repeat(lane, lengths)
        self._inputs = np.full((len(self), self.lanes), _NONE, dtype=np.int64)
        self._targets = np.full_like(self._inputs, _NONE)
        self._starts = np.zeros(self._inputs.shape, dtype=np.bool_)
        self._inputs[at] = sessions.item_rows[place]
        self._targets[at] = sessions.item_rows[place + 1]
        self._starts[at] = within == 0
        self._event_types = np.zeros(self._inputs.shape, dtype=np.int64)
        if sessions.event_types is not None:
            self._event_types[at] = sessions.event_types[place]

    def __len__(self) -> int:
        """Steps in an epoch."""
        return int(self._lane_lengths.max(initial=0))

    def __iter__(self) -> Iterator[Step]:
        return self.steps(0)

    def steps(self, first: int) -> Iterator[Step]:
        """The steps from the given one on."""
        running = np.searchsorted(-self._lane_lengths, -np.arange(len(self)), side="left")
        for step, lanes in enumerate(running[first:].tolist(), start=first):
            yield Step(
                inputs=self._inputs[step, :lanes],
                event_types=self._event_types[step, :lanes],
                targets=self._targets[step, :lanes],
                starts=self._starts[step, :lanes],
            )


def _assign(
    lengths: NDArray[np.int64], lanes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give each session, in order, the lane that is free first; number the lanes by falling length.

    Returns:
        lane and first step of each session, int64 [sessions], and the length of each lane, int64 [lanes].
    """
    free = [(0, lane) for lane in range(lanes)]
    lane_of, first_step = np.empty_like(lengths), np.empty_like(lengths)
    for session, length in enumerate(lengths.tolist()):
        step, lane = free[0]
        lane_of[session], first_step[session] = lane, step
        heapq.heapreplace(free, (step + length, lane))
    lane_lengths = np.zeros(lanes, dtype=np.int64)
    for length, lane in free:
        lane_lengths[lane] = length
    order = np.argsort(-lane_lengths, kind="stable")
    renumbered = np.empty_like(order)
    renumbered[order] = np.arange(lanes)
    return renumbered[lane_of], first_step, lane_lengths[order]
