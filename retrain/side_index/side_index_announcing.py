"""Announcing side indexes on their topic, and claiming the versions that they get.

Two builders at once may claim the same version: of the claims to one, the first in the log has it, the other
takes the next. So no two side indexes bear one version, and a list that names it names its items. Writer:
this module alone writes the topic. Readers: the same, `streams.side_index_topic`. Caller:
`retrain.side_index.side_index_building`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from retrain.log_reading import read_past
from schemas.errors import Unavailable
from schemas.ids import ReleaseId
from schemas.kafka_refusals import kafka_unreachable
from schemas.side_index_announcement import (
    SideIndexAnnouncement,
    decode_side_index_announcement,
    encode_side_index_announcement,
)

_FETCH_WAIT_MS = 200  # the embedded broker holds every empty fetch for so long
_REQUEST_TIMEOUT_MS = 10_000
_POLL_MS = 1000
_TIMEOUT_S = 60.0


class SideIndexTopicWriter:
    """The topic of one builder, read and written; made by `open_topic`."""

    def __init__(self, topic: str, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        """Use clients that are started; the consumer stands at the topic's beginning."""
        self._partition = TopicPartition(topic, 0)
        self._consumer = consumer
        self._producer = producer
        self._greatest = 0
        self._claims: dict[int, int] = {}

    async def claim(self, release_id: ReleaseId, now: datetime) -> int:
        """A version that is this builder's alone, greater than all before it.

        Args:
            release_id: what it is of.
            now: the present, with a zone.

        Raises:
            KafkaError: Kafka refuses, or does not answer.
        """
        await self._read_on()
        while True:
            claim = SideIndexAnnouncement(
                release_id=release_id, version=self._greatest + 1, announced_at=now, ready=False
            )
            offset = await self._send(claim)
            await self._read_on()
            if self._claims[claim.version] == offset:
                self._claims.clear()
                return claim.version

    async def announce(self, release_id: ReleaseId, version: int, items: int, now: datetime) -> None:
        """Tell that a version lies in the store, whole.

        Raises:
            KafkaError: Kafka refuses, or does not answer.
        """
        await self._send(
            SideIndexAnnouncement(
                release_id=release_id, version=version, announced_at=now, ready=True, items=items
            )
        )

    async def _send(self, announcement: SideIndexAnnouncement) -> int:
        value = encode_side_index_announcement(announcement)
        sent = await self._producer.send_and_wait(
            self._partition.topic, value, key=announcement.key, partition=0
        )
        return int(sent.offset)

    async def _read_on(self) -> None:
        """Read to the topic's present end."""
        end = (await self._consumer.end_offsets([self._partition]))[self._partition]
        while await self._consumer.position(self._partition) < end:
            for message in await read_past(self._consumer, self._partition, _POLL_MS):
                try:
                    one = decode_side_index_announcement(message.value or b"")
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                self._greatest = max(self._greatest, one.version)
                if not one.ready:
                    self._claims.setdefault(one.version, message.offset)


@asynccontextmanager
async def open_topic(kafka: dict[str, Any], topic: str) -> AsyncIterator[SideIndexTopicWriter]:
    """Read and write the topic in the context.

    Args:
        kafka: `schemas.connections.kafka_arguments`.
        topic: that of side indexes, of one partition.

    Raises:
        Unavailable: Kafka does not answer, or the topic is missing.
    """
    producer = AIOKafkaProducer(acks="all", request_timeout_ms=_REQUEST_TIMEOUT_MS, **kafka)
    consumer = AIOKafkaConsumer(
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        **kafka,
    )
    consumer.assign([TopicPartition(topic, 0)])
    try:
        with _told(kafka, topic):
            async with asyncio.timeout(_TIMEOUT_S):
                await producer.start()
                await consumer.start()
                await consumer.seek_to_beginning(TopicPartition(topic, 0))
        with _told(kafka, topic):
            yield SideIndexTopicWriter(topic, consumer, producer)
    finally:
        await consumer.stop()
        await producer.stop()


@contextmanager
def _told(kafka: dict[str, Any], topic: str) -> Iterator[None]:
    """Kafka's errors as `Unavailable`."""
    try:
        yield
    except KafkaConnectionError as error:
        raise Unavailable(kafka_unreachable(kafka["bootstrap_servers"])) from error
    except (KafkaError, TimeoutError) as error:
        raise Unavailable(
            f"topic {topic}: {str(error) or type(error).__name__}; is Kafka up, and were the topics created?"
        ) from error
