"""Positions: where the worker's partitions stand, and the batches that move them.

Owns that the positions are behind what was handed to the agent. Callers: `streams.event_source`,
`streams.position_seeking`.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from aiokafka import TopicPartition

from streams.micro_batch import BucketMarks, MicroBatch, Record, Watermarks
from streams.taking_over import Position


class _Place(NamedTuple):
    offset: int
    """The next one to read."""
    marks: BucketMarks


class Positions:
    """By partition that was sought and may be read, its position."""

    def __init__(self) -> None:
        self._places: dict[TopicPartition, _Place] = {}

    def __iter__(self) -> Iterator[TopicPartition]:
        """The partitions."""
        return iter(self._places)

    def __contains__(self, partition: TopicPartition) -> bool:
        """Whether a partition has a position."""
        return partition in self._places

    def start(self, partition: TopicPartition, position: Position) -> None:
        """A partition goes on from a position that was found in the store."""
        self._places[partition] = _Place(position.offset, BucketMarks(position.expected))

    def forget(self, partition: TopicPartition) -> bool:
        """A partition has no position any more; whether it had one."""
        return self._places.pop(partition, None) is not None

    def clear(self) -> None:
        """No partition has one any more."""
        self._places.clear()

    def expected(self, partition: TopicPartition) -> Watermarks:
        """What the store holds of a partition once the batches in flight are saved."""
        return self._places[partition].marks.current

    def batch(self, records: dict[TopicPartition, list[Record]]) -> MicroBatch:
        """The batch of these records; the positions move behind them."""
        return self._moved(records, {one: found[-1].offset + 1 for one, found in records.items()})

    def catching_up(self) -> MicroBatch | None:
        """The batch that moves the buckets without events to the positions; None where there are none.

        A successor then need not read what has nothing for them, and retention not pass them by.
        """
        behind = {one: place.offset for one, place in self._places.items() if place.marks.lag(place.offset)}
        return self._moved({}, behind) if behind else None

    def _moved(
        self, records: dict[TopicPartition, list[Record]], ends: Mapping[TopicPartition, int]
    ) -> MicroBatch:
        numbers = {one.partition for one in ends}  # of all event topics: they are saved together
        marks = {one: place.marks for one, place in self._places.items() if one.partition in numbers}
        for one, end in ends.items():
            self._places[one] = self._places[one]._replace(offset=end)
        return MicroBatch(records, marks, dict(ends), asyncio.get_running_loop().create_future())

    def among(self, partitions: Collection[TopicPartition]) -> frozenset[TopicPartition]:
        """Those of the partitions that have a position."""
        return frozenset(self._places.keys() & set(partitions))
