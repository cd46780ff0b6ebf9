"""TopicFollower: reading a topic of announcements from its beginning, without a group.

Every process follows all of the topic: `releases` or `side-indexes`. Messages that are no announcement are
logged and passed over. Callers: `streams.announcement_topic`, `streams.side_index_topic`.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from schemas.errors import Unavailable
from schemas.kafka_refusals import kafka_unreachable
from streams.micro_batch import Record
from streams.partition_reading import read_on
from streams.unreadable_records import why_unreadable

A = TypeVar("A")
log = structlog.get_logger("millrace.releases")

_POLL_MS = 1000
_FETCH_WAIT_MS = 200  # the embedded broker holds every empty fetch for so long
_REQUEST_TIMEOUT_MS = 10_000
_OPEN_TIMEOUT_S = 60.0
_REMEMBERED = 64  # among them an older announcement is sought where the last one's release is corrupt


class TopicFollower(Generic[A]):
    """One reader of the topic; opened again where Kafka fails."""

    def __init__(self, kafka: dict[str, Any], topic: str, decode: Callable[[bytes], A]) -> None:
        """Prepare; nothing is connected yet.

        Args:
            kafka: `schemas.connections.kafka_arguments`.
            topic: of one partition.
            decode: from a message's bytes to the announcement; `msgspec.DecodeError` where they are none.
        """
        self._decode_one = decode
        self._kafka = kafka
        self._partition = TopicPartition(topic, 0)
        self._consumer: AIOKafkaConsumer | None = None

    async def open(self) -> list[A]:
        """Connect and read the topic to its end.

        Returns:
            The announcements in log order, the last 64 at most.

        Raises:
            Unavailable: Kafka does not answer, or the topic cannot be read.
        """
        await self.close()
        self._consumer = AIOKafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            **self._kafka,
        )
        self._consumer.assign([self._partition])
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT_S):
                return await self._read_to_end(self._consumer)
        except (KafkaError, TimeoutError) as error:
            raise self._unavailable(error) from error

    async def next(self) -> list[A]:
        """The announcements that have come since; none after a second without any.

        Raises:
            Unavailable: the topic cannot be read any more; open it again.
        """
        assert self._consumer is not None, "open the topic first"
        try:
            return self._decode(await read_on(self._consumer, self._partition, _POLL_MS))
        except KafkaError as error:
            raise self._unavailable(error) from error

    async def close(self) -> None:
        """Disconnect; safe to repeat."""
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None

    async def _read_to_end(self, consumer: AIOKafkaConsumer) -> list[A]:
        await consumer.start()
        end = (await consumer.end_offsets([self._partition]))[self._partition]
        await consumer.seek_to_beginning(self._partition)
        announcements: deque[A] = deque(maxlen=_REMEMBERED)
        while await consumer.position(self._partition) < end:
            announcements.extend(await self.next())
        return list(announcements)

    def _unavailable(self, error: Exception) -> Unavailable:
        if isinstance(error, KafkaConnectionError):
            return Unavailable(kafka_unreachable(self._kafka["bootstrap_servers"]))
        return Unavailable(f"topic {self._partition.topic}: {str(error) or type(error).__name__}")

    def _decode(self, messages: list[Record]) -> list[A]:
        announcements = []
        for message in messages:
            try:
                announcements.append(self._decode_one(message.value or b""))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                place = f"{message.topic}[{message.partition}]@{message.offset}"
                log.warning("announcement ignored", at=place, error=why_unreadable(message) or str(error))
        return announcements
