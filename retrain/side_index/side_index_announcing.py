"""Announcing side indexes on their topic, and claiming the versions that they get.

Two builders at once may claim the same version: of the claims to one, the first in the log has it, the other
takes the next. So no two side indexes bear one version, and a list that names it names its items. Writer:
this module alone writes the topic. Readers: the same, `streams.side_index_topic`. Caller:
`retrain.side_index.side_index_building`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from retrain.log_reading import read_past
from retrain.topic_reading import groupless_consumer, kafka_errors_told
from schemas.ids import ReleaseId
from schemas.side_index_announcement import (
    SideIndexAnnouncement,
    decode_side_index_announcement,
    encode_side_index_announcement,
)

_REQUEST_TIMEOUT_MS = 10_000
_POLL_MS = 1000
_TIMEOUT_S = 60.0
_REMEDY = "is Kafka up, and were the topics created?"


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
    consumer = groupless_consumer(kafka, "read_uncommitted")
    consumer.assign([TopicPartition(topic, 0)])
    try:
        with kafka_errors_told(kafka, [topic], _REMEDY):
            async with asyncio.timeout(_TIMEOUT_S):
                await producer.start()
                await consumer.start()
                await consumer.seek_to_beginning(TopicPartition(topic, 0))
        with kafka_errors_told(kafka, [topic], _REMEDY):
            yield SideIndexTopicWriter(topic, consumer, producer)
    finally:
        await consumer.stop()
        await producer.stop()
