"""Reading ranges of partitions from Kafka to their ends.

Owns when the end is reached, marks of transactions and all, and that a reading which does not move is given
up. What cannot be parsed is passed over by `retrain.log_reading`. Caller: `retrain.event_log`.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from retrain.log_reading import Record, read_past
from schemas.release_manifest import LogRange

_LOOK_S = 0.01
_STALL_S = 30.0
"""No position has moved for so long: it will not."""


class TakesRecords(Protocol):
    """Whoever wants the records of a range."""

    def add(self, record: Record) -> None:
        """Take one record, whatever is in it."""


async def read_ranges(
    consumer: AIOKafkaConsumer,
    ranges: list[LogRange],
    to: TakesRecords,
    progress: Callable[[int, int], None],
) -> None:
    """Read each range to its end; a partition that has reached it is paused.

    Args:
        consumer: assigned, without a group.
        ranges: one of a partition, each in the topic.
        to: who is given the records, in offset order within each partition.
        progress: called with the offsets read and their total.

    Raises:
        KafkaError: Kafka refuses, or does not answer.
        TimeoutError: no position has moved for half a minute.
    """
    open_ranges = {TopicPartition(one.topic, one.partition): one for one in ranges}
    for partition, one in open_ranges.items():
        consumer.seek(partition, one.first_offset)
        consumer.resume(partition)
    total = sum(one.next_offset - one.first_offset for one in ranges)
    left = total
    while left:
        async with asyncio.timeout(_STALL_S):
            left = await _read_on(consumer, open_ranges, to, left)
        progress(total - left, total)


async def _read_on(
    consumer: AIOKafkaConsumer,
    open_ranges: dict[TopicPartition, LogRange],
    to: TakesRecords,
    left: int,
) -> int:
    """Read until a position moves; how many offsets are left then."""
    while True:
        for partition, one in open_ranges.items():
            for record in await read_past(consumer, partition, 0):
                if record.offset < one.next_offset:
                    to.add(record)
        positions = {partition: await consumer.position(partition) for partition in open_ranges}
        consumer.pause(*(at for at, one in open_ranges.items() if positions[at] >= one.next_offset))
        now_left: int = sum(max(0, one.next_offset - positions[at]) for at, one in open_ranges.items())
        if now_left != left:
            return now_left
        await asyncio.sleep(_LOOK_S)
