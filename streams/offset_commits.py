"""Offsets of what was applied, told to Kafka for lag monitoring; the truth is the watermark.

Owns the metric of the lag, too. Callers: `streams.event_source`, `streams.worker` (runs the
commits), `streams.log_watch` (lag).
"""

import asyncio
from collections.abc import Collection, Mapping

from aiokafka import TopicPartition

from streams.group_member import GroupMember
from streams.metrics import WorkerMetrics

COMMIT_EVERY_S = 0.5


class OffsetCommits:
    """How far the partitions of one consumer are applied."""

    def __init__(self, member: GroupMember, metrics: WorkerMetrics) -> None:
        self._member = member
        self._metrics = metrics
        self._applied: dict[TopicPartition, int] = {}
        self._uncommitted: dict[TopicPartition, int] = {}

    def start_at(self, partition: TopicPartition, offset: int) -> None:
        """A partition goes on from an offset."""
        self._applied[partition] = offset

    def note(self, applied: Mapping[TopicPartition, int]) -> None:
        """Partitions are applied up to these offsets."""
        self._applied |= applied
        self._uncommitted |= applied

    async def commit(self) -> None:
        """Commit what is not committed yet, as far as the partitions are still this worker's."""
        uncommitted, self._uncommitted = self._uncommitted, {}
        known = self._member.known
        ours = {one: offset for one, offset in uncommitted.items() if one in known}
        if ours:
            with self._metrics.stage("commit"):
                await self._member.commit(ours)

    async def run(self) -> None:
        """Commit twice a second until cancelled."""
        while True:
            await self.commit()
            await asyncio.sleep(COMMIT_EVERY_S)

    def show_lag(self, ends: Mapping[TopicPartition, int]) -> None:
        """How far the partitions are behind the ends of their logs."""
        for partition, end in ends.items():
            if (offset := self._applied.get(partition)) is not None:
                self._metrics.consumer_lag.labels(*partition).set(max(0, end - offset))

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """Partitions are not this worker's any more."""
        for partition in partitions:
            if self._applied.pop(partition, None) is not None:
                self._metrics.consumer_lag.remove(*partition)
