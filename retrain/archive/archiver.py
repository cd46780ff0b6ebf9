"""Archiving: the event topics -> files of the archive, each message once, whatever dies when.

Owns the order: read, write the file, commit. **The archive is the truth**: a partition goes on behind its
last file, never at the committed offset, which is for lag only. What was read and not written is dropped when
the group gives the partitions out anew, and read again. Two archivers of one partition (a zombie and its
successor) write the same rows; readers take each offset once (`archive_files.cover`). Caller:
`retrain.archive.archiving`.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, NoOffsetForPartitionError, OffsetOutOfRangeError

from retrain.archive.archive_group import ArchiveGroup
from retrain.archive.archive_metrics import ArchiveMetrics
from retrain.archive.archive_patience import patiently, wait_for_stop
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.parquet_files import write_segment
from retrain.archive.partition_buffer import Limits, PartitionBuffer, Segment
from retrain.archive.starting_points import starting_points
from retrain.log_reading import read_past
from schemas.errors import Unavailable

log = structlog.get_logger("millrace.archive")
_IDLE_S = 0.1
"""How long to wait where nothing came."""


class Archiver:
    """One member of the archivers' group."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        group: ArchiveGroup,
        store: ArchiveStore,
        limits: Limits,
        event_type_map: Mapping[str, str],
        metrics: ArchiveMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Bind the parts.

        Args:
            consumer: started, subscribed, without auto-commit and without offset reset.
            group: its place in the group.
            store: the archive.
            limits: when files are written.
            event_type_map: other names of event types.
            metrics: told what is done.
            clock: epoch seconds.
        """
        self._consumer = consumer
        self._group = group
        self._store = store
        self._limits = limits
        self._event_type_map = event_type_map
        self._metrics = metrics
        self._clock = clock
        self._buffers: dict[TopicPartition, PartitionBuffer] = {}
        self._generation = -1

    @property
    def partitions(self) -> frozenset[TopicPartition]:
        """The partitions that are being archived here."""
        return frozenset(self._buffers)

    async def run(self, stop: asyncio.Event) -> None:
        """Archive until told to stop; then write what was read.

        Raises:
            UsageError: what waiting cannot cure, such as a topic that was made anew.
        """
        while not stop.is_set():
            found = await patiently(self._step, stop, self._metrics.failures.inc)
            if not found:
                await wait_for_stop(stop, _IDLE_S)
        await self._drain()

    async def _step(self) -> bool:
        """Read what has come, write what is due; whether anything came."""
        await self._take()
        found = [await self._read(partition) for partition in tuple(self._buffers)]
        now_s = time.monotonic()
        for partition, buffer in tuple(self._buffers.items()):
            await self._write(partition, buffer.due(self._limits, now_s))
        await self._stay_within_memory()
        self._show_lag()
        return any(found)

    async def _take(self) -> None:
        """After each rebalance: drop what was read, and go to where the archive ends."""
        generation, partitions = self._group.now()
        if generation != self._generation:
            self._buffers.clear()
            self._metrics.lag.clear()
        new = partitions - set(self._buffers)
        if not new:
            self._generation = generation
            return
        points = await starting_points(self._consumer, self._store, new)
        if self._group.generation != generation:
            return
        for partition, point in points.items():
            if point.lost:
                self._metrics.lost.inc(point.lost)
                log.warning(
                    "retention took events before they were archived",
                    topic=partition.topic,
                    partition=partition.partition,
                    offsets=point.lost,
                    first_offset=point.offset,
                )
            source = (partition.topic, partition.partition)
            self._buffers[partition] = PartitionBuffer(
                source, point.offset, point.day, self._limits.rows, self._event_type_map
            )
            self._consumer.seek(partition, point.offset)
            self._consumer.resume(partition)
        self._generation = generation
        log.info("partitions given", partitions=sorted(f"{one.topic}[{one.partition}]" for one in points))

    async def _read(self, partition: TopicPartition) -> bool:
        buffer = self._buffers.get(partition)
        if buffer is None:
            return False
        try:
            if await self._consumer.position(partition) != buffer.next_offset and self._is_ours():
                self._consumer.seek(partition, buffer.next_offset)
            records = await read_past(self._consumer, partition, 0)
            position = await self._consumer.position(partition)
        except (OffsetOutOfRangeError, NoOffsetForPartitionError):
            await self._write(partition, list(buffer.segments))
            self._buffers.pop(partition, None)  # it is taken anew, where the log now begins
            return True
        except IllegalStateError:  # a rebalance has just taken it
            return False
        if not self._is_ours():
            return False  # the position may be another one's: nothing of this is certain
        now_ms, now_s = int(1000 * self._clock()), time.monotonic()
        for record in records:
            if record.offset >= buffer.next_offset:
                buffer.add(record, now_ms, now_s)
        buffer.reach(position)
        return bool(records)

    def _is_ours(self) -> bool:
        """Whether the partitions are those that the buffers were made for; true until the next `await`."""
        return self._group.generation == self._generation

    async def _stay_within_memory(self) -> None:
        while sum(buffer.bytes for buffer in self._buffers.values()) > self._limits.total_bytes:
            partition, largest = max(self._buffers.items(), key=lambda one: one[1].bytes)
            await self._write(partition, list(largest.segments))
        self._metrics.buffered.set(sum(buffer.bytes for buffer in self._buffers.values()))

    async def _write(self, partition: TopicPartition, segments: list[Segment]) -> None:
        """Write segments one after the other, so that there is never a hole; commit behind the last."""
        buffer = self._buffers[partition]
        for segment in segments:
            written_bytes = await asyncio.to_thread(write_segment, self._store, segment)
            buffer.written(segment)
            self._metrics.wrote(segment, written_bytes)
        if segments:
            await self._group.commit(partition, segments[-1].next_offset)

    def _show_lag(self) -> None:
        for partition, buffer in self._buffers.items() if self._is_ours() else ():
            end = self._consumer.highwater(partition)
            if end is not None:
                lag = max(0, end - buffer.archived_offset)
                self._metrics.lag.labels(partition.topic, partition.partition).set(lag)

    async def _drain(self) -> None:
        """Write what was read; where the store is away it is read again by the next archiver."""
        for partition, buffer in tuple(self._buffers.items()):
            try:
                await self._write(partition, list(buffer.segments))
            except Unavailable as error:
                log.warning("stopped before all was written; it is read again", error=str(error))
                return
