"""What is computed of a batch between load and emission: lists, changed states, messages, comparisons.

Owns where it runs: on the event loop or in a thread. Which batch is computed when, and from what states, is
`streams.batch_processor`, the caller.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schemas.errors import Unavailable
from schemas.ids import SessionId
from schemas.session_state import SessionState
from streams.batch_counts import BatchCounts
from streams.batch_messages import BatchMessages, Outgoing
from streams.current_recommender import CurrentRecommender, Served
from streams.event_decoding import DecodedEvent
from streams.isolation import Isolated, recommend_isolating
from streams.online_comparison import BatchQuality, compare_batch

ON_THE_LOOP = 8
"""Up to so many events are computed on the event loop: some milliseconds, and no way to a thread and back."""


class Computed(NamedTuple):
    """The outcome."""

    isolated: Isolated
    """Lists and changed states."""
    outgoing: Outgoing
    """The messages that carry them."""
    quality: BatchQuality
    """How the lists before the events did."""


class BatchComputation:
    """The computing of a worker's batches, with the release that serves when each is computed."""

    def __init__(
        self,
        current: CurrentRecommender,
        messages: BatchMessages,
        counts: BatchCounts,
        attribution_window_s: float,
    ) -> None:
        """Bind the parts.

        Args:
            current: read once a batch.
            messages: makes what is sent.
            counts: times the stages, and counts batches that the release cannot serve now.
            attribution_window_s: see `models.online_quality.compare`.
        """
        self._current = current
        self._messages = messages
        self._counts = counts
        self._attribution_window_s = attribution_window_s

    async def run(
        self, states: Mapping[SessionId, SessionState | None], events: Sequence[DecodedEvent]
    ) -> Computed:
        """Compute a batch.

        Args:
            states: of its sessions before it.
            events: in log order.

        Raises:
            Unavailable: the recommender cannot serve any event now.
        """
        served = self._current.served
        assert served is not None, "the source polls only once a release is loaded"
        try:
            if len(events) <= ON_THE_LOOP:
                return self._compute(served, states, events)
            return await asyncio.to_thread(self._compute, served, states, events)
        except Unavailable:
            self._counts.failed(served.recommender.release.release_id)
            raise

    def _compute(
        self, served: Served, states: Mapping[SessionId, SessionState | None], events: Sequence[DecodedEvent]
    ) -> Computed:
        stage = self._counts.metrics.stage
        isolated = recommend_isolating(served.recommender, states, events)
        with stage("compare"):
            quality = compare_batch(served.recommender.items, states, isolated, self._attribution_window_s)
        self._counts.listed(served, isolated)
        with stage("build"):
            return Computed(isolated, self._messages.lists(served, isolated), quality)
