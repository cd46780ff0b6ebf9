"""Taking over a partition: from which offset to go on, and which watermarks to expect.

The truth is the watermark in Redis; Kafka's committed offset only helps where Redis has none. Caller:
`streams.event_source`.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import Unavailable
from streams.metrics import WorkerMetrics
from streams.micro_batch import Watermarks
from streams.session_store import SessionStore

log = structlog.get_logger("millrace.positions")


@dataclass(frozen=True)
class Position:
    """Where a partition goes on."""

    offset: int | None
    """The next offset to read; None: the start or the end of the log, as `start_at` says."""
    expected: Watermarks


class TakeOver:
    """Finds positions for partitions that this worker was given."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        store: SessionStore,
        session_gap_s: Callable[[], float],
        metrics: WorkerMetrics,
    ) -> None:
        """Bind the parts.

        Args:
            consumer: asked for committed offsets and offsets by time.
            store: holds the watermarks.
            session_gap_s: the gap of the release that is served; how far back an emptied Redis is refilled.
            metrics: counts rewinds and emptied stores.
        """
        self._consumer = consumer
        self._store = store
        self._session_gap_s = session_gap_s
        self._metrics = metrics

    async def positions(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Position]:
        """The positions of partitions, read from the store.

        Raises:
            Unavailable: Redis or Kafka do not answer.
        """
        stored = await self.stored(partitions)
        return {partition: await self.position(partition, marks) for partition, marks in stored.items()}

    async def stored(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Watermarks]:
        """The watermarks of partitions in the store.

        Raises:
            Unavailable: Redis does not answer.
        """
        return (await self._store.load(partitions, ())).watermarks

    async def position(
        self, partition: TopicPartition, stored: Watermarks, expected: Watermarks | None = None
    ) -> Position:
        """The position that follows from a partition's stored watermarks.

        Args:
            partition: whose.
            stored: the watermarks in the store.
            expected: those that a refused batch counted on; None when the partition was just assigned.

        Raises:
            Unavailable: Kafka does not answer.
        """
        self._note_rewind(partition, stored, expected)
        marks = [mark for mark in stored if mark is not None]
        if marks:
            return Position(min(marks), stored)
        try:
            committed = await self._consumer.committed(partition)
            if committed is None and expected is None:
                return Position(None, stored)
            return Position(await self._offset_to_refill_from(partition, committed), stored)
        except KafkaError as error:
            raise Unavailable(f"Kafka: {error!r}") from error

    def _note_rewind(
        self, partition: TopicPartition, stored: Watermarks, expected: Watermarks | None
    ) -> None:
        behind = [
            (before, now)
            for before, now in zip(expected or stored, stored, strict=True)
            if before is not None and now is not None and now < before
        ]
        if behind:
            self._metrics.redis_rewinds.inc()
            log.warning(
                "Redis went back, catching up from Kafka",
                **_named(partition),
                expected=behind[0][0],
                stored=behind[0][1],
            )

    async def _offset_to_refill_from(self, partition: TopicPartition, committed: int | None) -> int | None:
        """Redis lost everything: go back as far as a live session can reach, or to the committed offset."""
        self._metrics.redis_empty.inc()
        gap_s = self._session_gap_s()
        offset = committed
        if gap_s > 0:
            since_ms = int((time.time() - gap_s) * 1000)
            found = await self._offset_at(partition, since_ms)
            offset = found if offset is None else min(offset, found if found is not None else offset)
        log.warning(
            "Redis came back empty, sessions are refilled from Kafka",
            **_named(partition),
            committed=committed,
            offset=offset,
        )
        return offset

    async def _offset_at(self, partition: TopicPartition, time_ms: int) -> int | None:
        try:
            found = (await self._consumer.offsets_for_times({partition: time_ms})).get(partition)
        except (KafkaError, ValueError):  # a broker without the time index (the embedded one)
            return None
        return None if found is None else found.offset


def _named(partition: TopicPartition) -> dict[str, object]:
    return {"topic": partition.topic, "partition": partition.partition}
