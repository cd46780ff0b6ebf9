"""MicroBatch: what one poll brought, with the positions it counts on, and the promise of its outcome.

Made by `streams.event_source`, resolved by the agent in `streams.worker` through `streams.batch_processor`.
"""

import asyncio
from collections.abc import Container
from dataclasses import dataclass, field
from typing import TypeAlias

from aiokafka import ConsumerRecord, TopicPartition

Watermarks: TypeAlias = tuple[int | None, ...]
"""A partition's next offset to apply, one for each bucket; None where Redis has none."""
Record: TypeAlias = "ConsumerRecord[bytes | None, bytes | None]"


def advanced(expected: Watermarks, offset: int, buckets: Container[int] | None = None) -> Watermarks:
    """The watermarks of a partition after its events below an offset were applied.

    A bucket that is ahead of the others stays ahead, for what lies below its watermark was applied to it:
    after a crash between the saves of two buckets, or where others were lost and are refilled.

    Args:
        expected: before it.
        offset: the next one to apply.
        buckets: those that move; None: all.
    """
    return tuple(
        mark
        if buckets is not None and bucket not in buckets
        else offset
        if mark is None
        else max(mark, offset)
        for bucket, mark in enumerate(expected)
    )


def lowest(marks: Watermarks) -> int | None:
    """The offset from which the partition goes on; None where no bucket has a watermark."""
    return min((mark for mark in marks if mark is not None), default=None)


def highest(marks: Watermarks) -> int | None:
    """The offset up to which anything was emitted; None where no bucket has a watermark."""
    return max((mark for mark in marks if mark is not None), default=None)


class BucketMarks:
    """The account of a partition's watermarks, from when it was taken over.

    A batch moves the watermarks of the buckets that it has events of, and which these are it knows when its
    events are decoded. So the batches keep the account, one after the other, as each begins.

    Attributes:
        current: what the store holds once all batches that have begun are saved.
        refused: whether one of them was refused: those that begin later are too, until the partition is
            taken over anew. Otherwise one of other buckets could overtake it.
        given_up: whether one of them was given up, or failed: those behind it emit nothing more, for the same
            reason; and where it failed before it began, the next one begins as if it were not there.
    """

    def __init__(self, current: Watermarks) -> None:
        self.current = current
        self.refused = False
        self.given_up = False

    def begin(self, end: int, buckets: Container[int]) -> tuple[Watermarks, Watermarks]:
        """The watermarks at which the next batch begins and ends."""
        expected, self.current = self.current, advanced(self.current, end, buckets)
        return expected, self.current

    def lag(self, offset: int) -> bool:
        """Whether a bucket stands before an offset up to which all has begun."""
        return any(mark is None or mark < offset for mark in self.current)


@dataclass(frozen=True)
class BatchOutcome:
    """What became of a batch."""

    applied: dict[TopicPartition, int] = field(default_factory=dict)
    """The partitions whose events are emitted and saved, with the next offset."""
    refused: dict[TopicPartition, Watermarks] = field(default_factory=dict)
    """The partitions where Redis had other watermarks than expected, with those: nothing was saved."""
    expected: dict[TopicPartition, Watermarks] = field(default_factory=dict, compare=False)
    """Beside the refused ones the watermarks that were expected."""


class Abandoned(Exception):
    """The batch was given up because its partitions are being taken away; nothing more may be done for it."""


@dataclass(eq=False)
class MicroBatch:
    """Records in log order per partition; none, to move the watermarks of all buckets to where it ends."""

    records: dict[TopicPartition, list[Record]]
    marks: dict[TopicPartition, BucketMarks]
    """Of all partitions of the numbers that the batch is about: they are compared and saved together."""
    ends: dict[TopicPartition, int]
    """Where each partition stands after the batch, as far as it moves."""
    outcome: asyncio.Future[BatchOutcome]
    abandoned: bool = False
    """Its partitions are gone, or the worker stops: nothing more may be done for it."""
    hurried: bool = False
    """The worker stops: it is finished if Redis and Kafka answer, and not waited for if they are away."""

    def give_up(self) -> None:
        """The batch comes to no outcome: nor may those behind it that have emitted nothing yet."""
        for marks in self.marks.values():
            marks.given_up = True

    @property
    def is_given_up(self) -> bool:
        """Whether this batch or one before it was given up."""
        return self.abandoned or any(marks.given_up for marks in self.marks.values())
