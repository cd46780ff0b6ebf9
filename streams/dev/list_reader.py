"""Reading every list while it is emitted: what came, when, and how far behind the readers are.

Owns a consumer without a group over the recommendations and dead-letter topics. Caller: the demo. Reading
goes on while events are sent: the embedded broker keeps 5 MiB a partition and then drops silently, so
`hold_back` lets no more events out than the lists of which fit.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from schemas.dead_letter import read_reason
from schemas.errors import Unavailable
from schemas.ids import ItemId, RecommendationId, ReleaseId, SessionId
from streams.pacing import Clock

UNREAD_BYTES = 3 * 2**20
"""Lists on the way at most: well under what one partition of the embedded broker keeps, were all in one."""
LEAST_LIST_BYTES = 1024
STALL_S = 30.0
"""No list for so long while some are due: they will not come."""
_LOOK_S = 1.0

Position = tuple[int, int]
"""Partition and offset of an event."""


class ReadList(NamedTuple):
    """One list as it was read."""

    recommendation_id: RecommendationId
    session_id: SessionId
    release_id: ReleaseId
    position: Position
    item_ids: tuple[ItemId, ...]
    arrived_s: float
    """When it was read, in seconds of the reader's clock."""


class _Item(msgspec.Struct):
    item_id: str


class _Source(msgspec.Struct):
    partition: int
    offset: int


class _List(msgspec.Struct):
    """What is needed of a RecommendationList; decoding only that is several times faster."""

    recommendation_id: RecommendationId
    source: _Source
    session_id: SessionId
    release_id: ReleaseId
    items: list[_Item]


_DECODER = msgspec.json.Decoder(_List)


class ListReader:
    """The lists read so far, by the position of their event; of a list that came twice the first."""

    def __init__(self, clock: Clock, check: Callable[[], None] = lambda: None) -> None:
        """Begin with nothing read.

        Args:
            clock: for the arrival times; the same as that of the replay, where they are compared.
            check: called each second of waiting; raises when what should write the lists has ended.
        """
        self.lists: dict[Position, ReadList] = {}
        self.dead_letters: dict[Position, str] = {}
        self.duplicates = 0
        self._clock = clock
        self._check = check
        self._changed = asyncio.Event()
        self._largest_list = LEAST_LIST_BYTES
        self._let_out = 0

    @property
    def answered(self) -> int:
        """Events that have their list or lie in the dead-letter topic."""
        return len(self.lists) + len(self.dead_letters)

    @property
    def last_arrival_s(self) -> float:
        """When the last list was read so far; a time that is long past where there is none."""
        return max((one.arrived_s for one in self.lists.values()), default=0.0)

    async def hold_back(self) -> None:
        """Let one more event out, as soon as the lists of all that are on the way still fit into the broker.

        Raises:
            Unavailable: no list came for half a minute.
        """
        self._let_out += 1
        least = self._let_out - UNREAD_BYTES // self._largest_list
        if self.answered < least and not await self.wait_until_answered(least):
            raise Unavailable(
                f"no list came for {STALL_S:.0f} s, though {self._let_out - self.answered} are due"
            )

    async def wait_until_answered(self, count: int, stall_s: float = STALL_S) -> bool:
        """Wait for so many answers in all.

        Returns:
            False when none came for `stall_s` seconds.
        """
        last_change = self._clock.now()
        while self.answered < count:
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LOOK_S)
                last_change = self._clock.now()
            self._check()
            if self._clock.now() - last_change > stall_s:
                return False
        return True

    def add(self, record: ConsumerRecord) -> None:
        """Take one message of the recommendations topic."""
        if record.value is None:
            return
        arrived_s = self._clock.now()
        decoded = _DECODER.decode(record.value)
        position = (decoded.source.partition, decoded.source.offset)
        if position in self.lists:
            self.duplicates += 1
            return
        # The same few thousand ids come again and again: interned, 100 000 lists take 20 MB.
        item_ids = tuple(ItemId(sys.intern(item.item_id)) for item in decoded.items)
        self.lists[position] = ReadList(
            decoded.recommendation_id, decoded.session_id, decoded.release_id, position, item_ids, arrived_s
        )
        self._largest_list = max(self._largest_list, len(record.value))
        self._changed.set()

    def add_dead_letter(self, record: ConsumerRecord) -> None:
        """Take one message of the dead-letter topic."""
        reason = read_reason(record.headers)
        position = (reason.partition, reason.offset) if reason else (-1, record.offset)
        self.dead_letters[position] = reason.message if reason else "no reason in the headers"
        self._changed.set()


@asynccontextmanager
async def reading(
    reader: ListReader, bootstrap_servers: str, lists_topic: str, dead_letter_topic: str
) -> AsyncIterator[None]:
    """Keep reading both topics from their beginnings, within the block."""
    consumer = AIOKafkaConsumer(
        lists_topic,
        dead_letter_topic,
        bootstrap_servers=bootstrap_servers,
        group_id=None,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
        max_partition_fetch_bytes=4 * 2**20,
    )
    await consumer.start()
    task = asyncio.create_task(_keep_reading(consumer, reader, dead_letter_topic))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await consumer.stop()


async def _keep_reading(consumer: AIOKafkaConsumer, reader: ListReader, dead_letter_topic: str) -> None:
    while True:
        fetched = await consumer.getmany(timeout_ms=1000)
        for partition, records in fetched.items():
            add = reader.add_dead_letter if partition.topic == dead_letter_topic else reader.add
            for record in records:
                add(record)
        await asyncio.sleep(0)
