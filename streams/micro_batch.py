"""MicroBatch: what one poll brought, with the positions it counts on, and the promise of its outcome.

Made by `streams.event_source`, resolved by the agent in `streams.worker` through `streams.batch_processor`.
"""

import asyncio
from dataclasses import dataclass, field
from typing import TypeAlias

from aiokafka import ConsumerRecord, TopicPartition

Watermarks: TypeAlias = tuple[int | None, ...]
"""A partition's next offset to apply, one for each bucket; None where Redis has none."""
Record: TypeAlias = "ConsumerRecord[bytes | None, bytes | None]"


def advanced(expected: Watermarks, offset: int) -> Watermarks:
    """The watermarks of a partition after its events below an offset were applied.

    A bucket that is ahead of the others stays ahead, for what lies below its watermark was applied to it:
    after a crash between the saves of two buckets, or where others were lost and are refilled.
    """
    return tuple(offset if mark is None else max(mark, offset) for mark in expected)


def lowest(marks: Watermarks) -> int | None:
    """The offset from which the partition goes on; None where no bucket has a watermark."""
    return min((mark for mark in marks if mark is not None), default=None)


@dataclass(frozen=True)
class BatchOutcome:
    """What became of a batch."""

    applied: dict[TopicPartition, int] = field(default_factory=dict)
    """The partitions whose events are emitted and saved, with the next offset."""
    refused: dict[TopicPartition, Watermarks] = field(default_factory=dict)
    """The partitions where Redis had other watermarks than expected, with those: nothing was saved."""


class Abandoned(Exception):
    """The batch was given up because its partitions are being taken away; nothing more may be done for it."""


@dataclass(eq=False)
class MicroBatch:
    """Records in log order per partition."""

    records: dict[TopicPartition, list[Record]]
    expected: dict[TopicPartition, Watermarks]
    outcome: asyncio.Future[BatchOutcome]
    abandoned: bool = False
    """Its partitions are gone, or the worker stops: nothing more may be done for it."""
    hurried: bool = False
    """The worker stops: it is finished if Redis and Kafka answer, and not waited for if they are away."""

    @property
    def next_offsets(self) -> dict[TopicPartition, int]:
        """Where each partition stands after the batch."""
        return {partition: records[-1].offset + 1 for partition, records in self.records.items()}
