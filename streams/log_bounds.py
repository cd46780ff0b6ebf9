"""LogBounds: whether a watermark still lies within its partition's log, and what to do where it does not.

Owns the judgement; `streams.taking_over` moves the watermark accordingly.
"""

import time
from collections.abc import Callable, Collection
from typing import Literal, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.errors import Unavailable
from streams.metrics import WorkerMetrics
from streams.micro_batch import Watermarks, highest, lowest

log = structlog.get_logger("millrace.positions")
CERTAIN_AFTER_S = 5.0
"""For so long a log must end before the watermark: after a change of leaders it may do so for a moment."""


class Bounds(NamedTuple):
    """The first offset of a partition's log and its end, the offset of the next record."""

    first: int
    end: int

    def nearest(self, offset: int) -> int:
        """The offset itself, or the nearest one at which the log can be read."""
        return min(max(offset, self.first), self.end)


class Move(NamedTuple):
    """Where a watermark must go that does not lie within its log."""

    change: Literal["recreated", "trimmed", "cut"]
    """The topic was made anew, retention passed the watermark, or the log lost its end."""
    offset: int


class LogBounds:
    """Judges watermarks by the bounds of the logs."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        metrics: WorkerMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consumer = consumer
        self._metrics = metrics
        self._clock = clock
        self._told: set[tuple[str, str]] = set()
        self._short_since: dict[TopicPartition, float] = {}

    async def ask(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Bounds]:
        """The bounds now. Ask after reading the watermarks, or events in between make a log look short.

        Raises:
            KafkaError: Kafka does not answer.
        """
        first = await self._consumer.beginning_offsets(partitions)
        end = await self._consumer.end_offsets(partitions)
        return {one: Bounds(first[one], end[one]) for one in partitions}

    def judge(
        self, partition: TopicPartition, marks: Watermarks, bounds: Bounds, same_topic: bool
    ) -> Move | None:
        """Where the watermarks must go; None where they can stay.

        Args:
            partition: whose.
            marks: those of its buckets, one at least. The highest counts for the end of the log: what comes
                there anew would else pass for applied.
            bounds: asked after the watermark was read.
            same_topic: whether the watermark bears the id that the topic has now.

        Raises:
            Unavailable: the log ends before the watermark, and it is not certain yet that it stays so.
        """
        low, high = lowest(marks), highest(marks)
        assert low is not None, "there is a watermark"
        assert high is not None, "there is a watermark"
        if high <= bounds.end:
            self._short_since.pop(partition, None)
            return Move("trimmed", bounds.first) if low < bounds.first else None
        since = self._short_since.setdefault(partition, self._clock())
        if self._clock() - since < CERTAIN_AFTER_S:
            raise Unavailable(
                f"the log of {partition.topic}[{partition.partition}] ends at {bounds.end}, before the "
                f"watermark {high}; waiting for {CERTAIN_AFTER_S:g} s to be certain"
            )
        del self._short_since[partition]
        return Move("cut", bounds.end) if same_topic else Move("recreated", bounds.first)

    def note(self, partition: TopicPartition, move: Move, marks: Watermarks, topic_id: str) -> None:
        """Count that watermarks were moved, and say it; of a topic that was made anew it is said once."""
        self._metrics.log_changes.labels(move.change).inc()
        at = {"topic": partition.topic, "partition": partition.partition}
        if move.change == "trimmed":
            read_up_to = highest(marks) or 0  # a bucket without events lags behind what was read
            lost = max(0, move.offset - read_up_to)
            self._metrics.missed_events.inc(lost)
            log.warning(
                "retention has passed the watermark, going on at the log's beginning; lost: events not read",
                **at,
                lost=lost,
                offset=move.offset,
            )
        elif move.change == "cut":
            log.warning(
                "the log has lost its end, going on there", **at, watermark=highest(marks), offset=move.offset
            )
        elif (partition.topic, topic_id) not in self._told:
            self._told.add((partition.topic, topic_id))
            log.warning("the topic was made anew, starting at its beginning", topic_id=topic_id, **at)
