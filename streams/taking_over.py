"""Taking over a partition: from which offset to go on, and which watermarks to expect.

The truth is the watermark in Redis; Kafka's committed offset only helps where Redis has none. Caller:
`streams.event_source`.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, UnsupportedVersionError

from schemas.errors import Unavailable
from streams.metrics import WorkerMetrics
from streams.micro_batch import Watermarks, advanced, lowest
from streams.session_store import SessionStore, UnitSave

log = structlog.get_logger("millrace.positions")


@dataclass(frozen=True)
class Position:
    """Where a partition goes on."""

    offset: int
    """The next offset to read."""
    expected: Watermarks


class TakeOver:
    """Finds positions for partitions that this worker was given."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        store: SessionStore,
        session_gap_s: Callable[[], float],
        metrics: WorkerMetrics,
        start_at: Literal["earliest", "latest"],
    ) -> None:
        """Bind the parts.

        Args:
            consumer: asked for committed offsets and offsets by time.
            store: holds the watermarks.
            session_gap_s: the gap of the release that is served; how far back an emptied Redis is refilled.
            metrics: counts rewinds and emptied stores.
            start_at: where a partition starts that has neither a watermark nor a committed offset.
        """
        self._consumer = consumer
        self._store = store
        self._session_gap_s = session_gap_s
        self._metrics = metrics
        self._start_at = start_at

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
        low = lowest(stored)
        if low is not None:
            return Position(low, stored)
        try:
            committed = await self._consumer.committed(partition)
            if committed is None and expected is None:
                return await self._start(partition, stored)
            return Position(await self._offset_to_refill_from(partition, committed), stored)
        except KafkaError as error:
            raise Unavailable(f"Kafka: {error!r}") from error

    async def _start(self, partition: TopicPartition, stored: Watermarks) -> Position:
        """A partition that nobody has read.

        Where it starts is saved at once, so that a restart starts there too.
        """
        ask = self._consumer.beginning_offsets if self._start_at == "earliest" else self._consumer.end_offsets
        offset: int = (await ask([partition]))[partition]
        marks = advanced(stored, offset)
        refused = await self._store.save([UnitSave({partition: stored}, {partition: marks})])
        if refused:
            raise Unavailable(f"Redis: another worker takes {partition} over at this moment")
        return Position(offset, marks)

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

    async def _offset_to_refill_from(self, partition: TopicPartition, committed: int | None) -> int:
        """Redis lost everything: go back as far as a live session can reach, or to the committed offset."""
        first = (await self._consumer.beginning_offsets([partition]))[partition]
        offset = first if committed is None else committed
        gap_s = self._session_gap_s()
        if gap_s > 0:
            found = await self._offset_at(partition, int((time.time() - gap_s) * 1000))
            offset = offset if found is None else min(offset, found)
        self._metrics.redis_empty.inc()
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
        except (UnsupportedVersionError, ValueError):  # a broker without the time index (the embedded one)
            return None
        return None if found is None else found.offset


def _named(partition: TopicPartition) -> dict[str, object]:
    return {"topic": partition.topic, "partition": partition.partition}
