"""Taking over a partition: from which offset to go on, and which watermarks to expect.

The truth is the watermark in Redis; Kafka's committed offset only helps where Redis has none. Caller:
`streams.position_seeking`.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.log_bounds import Bounds, LogBounds, Move
from streams.metrics import WorkerMetrics
from streams.micro_batch import Watermarks, advanced, lowest
from streams.refilling import Refilling, kafka_errors
from streams.session_store import SessionStore, UnitSave
from streams.topic_watch import TopicWatch

log = structlog.get_logger("millrace.positions")


@dataclass(frozen=True)
class Position:
    """Where a partition goes on."""

    offset: int
    """The next offset to read."""
    expected: Watermarks


class _Found(NamedTuple):
    """What there is of a partition."""

    marks: Watermarks
    topic_ids: frozenset[str]
    """Of the topics that stored watermarks count in; not that of the present one alone."""
    bounds: Bounds


class TakeOver:
    """Finds positions for partitions that this worker was given."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        store: SessionStore,
        topics: TopicWatch,
        session_gap_s: Callable[[], float],
        metrics: WorkerMetrics,
        start_at: Literal["earliest", "latest"],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Bind the parts.

        Args:
            consumer: asked for committed offsets and offsets by time.
            store: holds the watermarks.
            topics: knows the topics' ids, and which partitions can be served.
            session_gap_s: the gap of the release that is served; how far back an emptied Redis is refilled.
            metrics: counts rewinds, emptied stores, and logs that are not where their watermarks stand.
            start_at: where a partition starts that has neither a watermark nor a committed offset.
            clock: says for how long a log has been too short.
        """
        self._consumer = consumer
        self._bounds = LogBounds(consumer, metrics, clock)
        self._store = store
        self._topics = topics
        self._refilling = Refilling(consumer, session_gap_s, metrics)
        self._metrics = metrics
        self._start_at = start_at

    async def positions(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Position]:
        """The positions of partitions, read from the store; of those only that can be served now.

        Raises:
            Unavailable: Redis or Kafka do not answer.
        """
        await self._topics.refresh()
        served = self._topics.can_be_served(self._consumer.assignment()) & set(partitions)
        found = await self._find(served)
        return {partition: await self._position(partition, one, None) for partition, one in found.items()}

    async def stored(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Watermarks]:
        """The watermarks of partitions in the store.

        Raises:
            Unavailable: Redis does not answer.
        """
        return (await self._store.load(partitions, ())).watermarks

    async def position(self, partition: TopicPartition, expected: Watermarks | None) -> Position:
        """The position of a partition whose watermarks are not the expected ones.

        Args:
            partition: whose.
            expected: those that a refused batch counted on.

        Raises:
            Unavailable: Redis or Kafka do not answer.
        """
        return await self._position(partition, (await self._find([partition]))[partition], expected)

    async def _find(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, _Found]:
        """Watermarks first, bounds of the logs after them."""
        loaded = await self._store.load(partitions, ())
        with kafka_errors():
            bounds = await self._bounds.ask(partitions)
        return {
            one: _Found(loaded.watermarks[one], loaded.topic_ids.get(one, frozenset()), bounds[one])
            for one in partitions
        }

    async def _position(
        self, partition: TopicPartition, found: _Found, expected: Watermarks | None
    ) -> Position:
        low = lowest(found.marks)
        if low is None and found.topic_ids:  # watermarks there are, of a topic that had this name before
            return await self._move(partition, found, Move("recreated", found.bounds.first))
        if low is not None:
            same_topic = self._topics.ids.get(partition.topic) in found.topic_ids
            if move := self._bounds.judge(partition, found.marks, found.bounds, same_topic):
                return await self._move(partition, found, move)
            self._note_rewind(partition, found.marks, expected)
        if low is None or None in found.marks:
            return await self._without_watermark(partition, found, expected)
        return Position(low, found.marks)

    async def _without_watermark(
        self, partition: TopicPartition, found: _Found, expected: Watermarks | None
    ) -> Position:
        """A partition that nobody has read, or a Redis, or a node of a Cluster, that came back empty.

        The buckets that are still there are ahead of those that are refilled, and stay so.
        """
        with kafka_errors():
            committed = await self._consumer.committed(partition)
        if committed is None and expected is None:
            low = lowest(found.marks)  # a worker may have died in the midst of giving the buckets their first
            start = self._first_start(partition, found.bounds) if low is None else low
            return await self._set(partition, found, advanced(found.marks, start))
        start = await self._refilling.start(partition, found.marks, committed, found.bounds)
        return Position(start, found.marks)

    def _first_start(self, partition: TopicPartition, bounds: Bounds) -> int:
        from_end = self._start_at == "latest" and not self._topics.was_added(partition)
        return bounds.end if from_end else bounds.first

    async def _move(self, partition: TopicPartition, found: _Found, move: Move) -> Position:
        """Go where the log is; the states of its sessions stay, they are the sessions' history."""
        low = lowest(found.marks)
        marks: Watermarks = (move.offset,) * len(found.marks)
        if low is not None and move.change != "recreated":
            marks = tuple(found.bounds.nearest(low if mark is None else mark) for mark in found.marks)
        position = await self._set(partition, found, marks)
        if position.expected == marks:
            self._bounds.note(partition, move, found.marks, self._topics.ids.get(partition.topic, ""))
        return position

    async def _set(self, partition: TopicPartition, found: _Found, marks: Watermarks) -> Position:
        """Save where a partition goes on before anything of it is applied: a restart goes on there too.

        Where another worker was quicker, its watermarks are followed.
        """
        if marks != found.marks and await self._store.save(
            [UnitSave({partition: found.marks}, {partition: marks})]
        ):
            return await self.position(partition, None)
        low = lowest(marks)
        assert low is not None, "watermarks are set to offsets"
        return Position(low, marks)

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


def _named(partition: TopicPartition) -> dict[str, object]:
    return {"topic": partition.topic, "partition": partition.partition}
