"""The comparison of a batch's events with the lists before them, between recommending and emitting.

Owns what of a batch is compared; the rule is `models.online_quality`, the counting `streams.online_counts`,
for a batch is counted only when it is saved. Caller: `streams.batch_computation`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.joint_rows import JointRows
from models.last_lists import made_lists, stored_lists, with_last_lists
from models.online_quality import Compared, compare
from schemas.ids import ReleaseId, SessionId
from schemas.session_state import SessionState
from streams.isolation import Isolated


@dataclass(frozen=True, eq=False)
class BatchQuality:
    """What the counting needs of a batch."""

    release_id: ReleaseId
    """What made the batch's own lists."""
    compared: Compared
    """Its places are those of `Isolated.events`."""
    ranks: NDArray[np.int64]
    """int64, beside what was compared."""


def compare_batch(
    items: JointRows,
    states: Mapping[SessionId, SessionState | None],
    isolated: Isolated,
    window_s: float,
) -> BatchQuality:
    """Compare a batch, and write the last lists into its changed states.

    Args:
        items: of the release and the side index that made the batch's lists.
        states: from which the batch started.
        isolated: its outcome; its states are replaced.
        window_s: see `models.online_quality.compare`.
    """
    events = [one.event for one in isolated.events]
    held = stored_lists(states, {event.session_id for event in events})
    places = [(one.record.partition, one.record.offset) for one in isolated.events]
    made = made_lists(items, places, isolated.recommendations)
    compared = compare(held, zip(events, isolated.pauses_ms, made, strict=True), window_s)
    isolated.states = with_last_lists(isolated.states, held)
    return BatchQuality(items.release_id, compared, compared.ranks())
