"""Refilling: from where sessions are read again that Redis has lost, all of them or those of some buckets.

Owns how far back that is: as far as a live session can reach. Caller: `streams.taking_over`.
"""

import contextlib
import time
from collections.abc import Callable, Iterator

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, UnsupportedVersionError

from schemas.errors import Unavailable
from streams.log_bounds import Bounds
from streams.metrics import WorkerMetrics
from streams.micro_batch import Watermarks, lowest

log = structlog.get_logger("millrace.positions")


class Refilling:
    """Finds where to go back to."""

    def __init__(
        self, consumer: AIOKafkaConsumer, session_gap_s: Callable[[], float], metrics: WorkerMetrics
    ) -> None:
        """Bind the parts.

        Args:
            consumer: asked for offsets by time.
            session_gap_s: the gap of the release that is served.
            metrics: counts what was found empty.
        """
        self._consumer = consumer
        self._session_gap_s = session_gap_s
        self._metrics = metrics

    async def start(
        self, partition: TopicPartition, marks: Watermarks, committed: int | None, bounds: Bounds
    ) -> int:
        """The offset a session gap ago; where no gap ends a session, the one that was applied last.

        Args:
            partition: whose.
            marks: those that are stored; at least one bucket has none.
            committed: the offset that was committed to Kafka.
            bounds: of the log.

        Raises:
            Unavailable: Kafka does not answer.
        """
        applied = [one for one in (committed, lowest(marks)) if one is not None]
        offset = min([bounds.end, *applied]) if applied else bounds.first
        gap_s = self._session_gap_s()
        if gap_s > 0:
            found = await self._offset_at(partition, int((time.time() - gap_s) * 1000))
            offset = offset if found is None else min(offset, found)
        offset = max(offset, bounds.first)
        self._note(partition, marks, committed, offset)
        return offset

    def _note(self, partition: TopicPartition, marks: Watermarks, committed: int | None, offset: int) -> None:
        self._metrics.redis_empty.inc()
        lost = sum(mark is None for mark in marks)
        log.warning(
            "Redis came back empty, sessions are refilled from Kafka",
            topic=partition.topic,
            partition=partition.partition,
            buckets=f"{lost} of {len(marks)}",
            committed=committed,
            offset=offset,
        )

    async def _offset_at(self, partition: TopicPartition, time_ms: int) -> int | None:
        try:
            with kafka_errors():
                found = (await self._consumer.offsets_for_times({partition: time_ms})).get(partition)
        except (UnsupportedVersionError, ValueError):  # a broker without the time index (the embedded one)
            return None
        return None if found is None else found.offset


@contextlib.contextmanager
def kafka_errors() -> Iterator[None]:
    """What Kafka does not answer is `Unavailable`; a request that it does not know passes."""
    try:
        yield
    except UnsupportedVersionError:
        raise
    except KafkaError as error:
        raise Unavailable(f"Kafka: {error!r}") from error
