"""What the metrics and the log say of a batch.

Callers: `streams.batch_processor`, `streams.batch_computation`.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import structlog
from aiokafka import TopicPartition

from schemas.ids import ReleaseId
from schemas.timestamps import from_epoch_ms
from streams.current_recommender import Served
from streams.dead_letters import DeadLetter
from streams.isolation import Isolated
from streams.metrics import WorkerMetrics
from streams.micro_batch import Watermarks
from streams.online_comparison import BatchQuality
from streams.online_counts import OnlineCounter

log = structlog.get_logger("millrace.batch")


class BatchCounts:
    """The counting of a worker's batches."""

    def __init__(self, metrics: WorkerMetrics, online: OnlineCounter) -> None:
        self.metrics = metrics
        self._online = online

    def failed(self, release_id: ReleaseId) -> None:
        """A batch that this release cannot serve now will be tried again."""
        self._online.failed(release_id)

    def listed(self, served: Served, isolated: Isolated) -> None:
        """Lists are made; may be called in another thread."""
        if served.side_index is None:
            return
        first_new = served.recommender.release.manifest.items
        lists = [one.ranked.rows for one in isolated.recommendations if one is not None]
        self.metrics.lists_with_new_items.inc(sum(bool((rows >= first_new).any()) for rows in lists))

    def emitted(self, isolated: Isolated) -> None:
        """The lists of a batch are acknowledged."""
        sent_ms = np.array([event.record.timestamp for event in isolated.events], dtype=np.float64)
        age_s = (time.time() * 1000 - sent_ms) / 1000
        self.metrics.freshness_seconds.observe_all(np.maximum(age_s, 0))

    def saved(
        self,
        refused: Mapping[TopicPartition, Watermarks],
        isolated: Isolated,
        letters: Sequence[DeadLetter],
        quality: BatchQuality,
    ) -> None:
        """What was not refused is saved."""
        for letter in letters:
            self.metrics.dead_letters.labels(letter.reason.stage).inc()
            log.warning("dead letter", **_described(letter))
        saved = [
            (event.event_type, "none" if one is None else one.strategy, one is not None and one.repeat_of)
            for event, one in zip(isolated.events, isolated.recommendations, strict=True)
            if event.partition not in refused
        ]
        for (event_type, strategy), count in Counter((kind, strategy) for kind, strategy, _ in saved).items():
            self.metrics.events.labels(event_type, strategy).inc(count)
        self.metrics.repeats.inc(sum(bool(repeat_of) for _, _, repeat_of in saved))
        self._online.saved(refused, isolated, quality)


def _described(letter: DeadLetter) -> dict[str, object]:
    at = f"{letter.reason.topic}[{letter.reason.partition}]@{letter.reason.offset}"
    failed_at = from_epoch_ms(letter.reason.failed_at_ms).isoformat()
    return {"at": at, "stage": letter.reason.stage, "error": letter.said, "failed_at": failed_at}
