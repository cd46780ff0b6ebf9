"""The emitter: lists and dead letters to Kafka, all acknowledged before it returns.

Writer: of the `recommendations` and `dead-letter` topics. Caller: `streams.batch_processor`.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from schemas.errors import Unavailable, UsageError
from schemas.kafka_refusals import lacks_permission

log = structlog.get_logger("millrace.emitter")


class OutgoingMessage(NamedTuple):
    """One message to produce.

    `value` None is a tombstone, `partition` None leaves the choice to the producer.
    """

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class MessageSink(Protocol):
    """Takes messages and returns when they are safe."""

    async def emit(self, messages: Sequence[OutgoingMessage]) -> None:
        """See `Emitter.emit`."""
        ...


class Emitter:
    """An idempotent producer that is made anew when it has failed for good."""

    def __init__(self, make_producer: Callable[[], AIOKafkaProducer]) -> None:
        self._make_producer = make_producer
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            Unavailable: no broker answers.
        """
        await self._connected()

    async def stop(self) -> None:
        """Send what is buffered and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def emit(self, messages: Sequence[OutgoingMessage]) -> None:
        """Produce messages and wait until every one is acknowledged by all in-sync replicas.

        Raises:
            Unavailable: Kafka does not answer; some messages may have been written.
            UsageError: Kafka refuses the topic.
        """
        producer = await self._connected()
        try:
            await _see_partitions(producer, {(one.topic, one.partition) for one in messages})
            sent = await _send(producer, messages)
        except KafkaError as error:
            await self._failed(error, " or ".join({one.topic for one in messages}))
            return
        answers = await asyncio.gather(*(one for _, one in sent), return_exceptions=True)
        for (topic, _), answer in zip(sent, answers, strict=True):
            if isinstance(answer, BaseException):
                await self._failed(answer, topic)

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = self._make_producer()
            try:
                await producer.start()
            except KafkaError as error:
                await producer.stop()
                raise Unavailable(f"Kafka: {error}") from error
            self._producer = producer
        return self._producer

    async def _failed(self, error: BaseException, topic: str) -> None:
        if isinstance(error, TopicAuthorizationFailedError):
            raise UsageError(lacks_permission("WRITE", "topic", topic)) from error
        if isinstance(error, UnknownTopicOrPartitionError):
            raise UsageError(
                f"topic {topic}: {error!r}; run `millrace topics create`, or give it more partitions"
            ) from error
        if isinstance(error, MessageSizeTooLargeError) or not isinstance(error, KafkaError):
            raise error
        log.warning("producing failed, the producer is made anew", error=repr(error))
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()
        raise Unavailable(f"Kafka: {error!r}") from error


async def _see_partitions(producer: AIOKafkaProducer, wanted: Collection[tuple[str, int | None]]) -> None:
    """A topic may have got partitions since the producer last asked; it asserts that it knows them."""
    for topic, partition in wanted:
        if partition is not None and partition not in await producer.partitions_for(topic):
            await producer.client.force_metadata_update()
            if partition not in await producer.partitions_for(topic):
                raise Unavailable(f"topic {topic} has no partition {partition}")


async def _send(
    producer: AIOKafkaProducer, messages: Sequence[OutgoingMessage]
) -> list[tuple[str, "asyncio.Future[RecordMetadata]"]]:
    """Hand messages to the producer, those of a partition in batches: one by one costs five times as much.

    Returns:
        The acknowledgement of each message or batch, and its topic.
    """
    sent: list[tuple[str, asyncio.Future[RecordMetadata]]] = []
    placed: dict[tuple[str, int], list[OutgoingMessage]] = {}
    for message in messages:
        topic, partition, key, value, headers = message
        if partition is None:
            sent.append((topic, await producer.send(topic, value, key, headers=list(headers))))
        else:
            placed.setdefault((topic, partition), []).append(message)
    for (topic, partition), some in placed.items():
        for batch in _batches(producer, some):
            sent.append((topic, await producer.send_batch(batch, topic, partition=partition)))  # noqa: PERF401
    return sent


def _batches(producer: AIOKafkaProducer, messages: Sequence[OutgoingMessage]) -> Iterator[BatchBuilder]:
    """The messages in as many batches as they fill; a batch takes its first message whatever its size."""
    batch = producer.create_batch()
    for _, _, key, value, headers in messages:
        if batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=list(headers))
    batch.close()  # a full one closes itself; nothing lingers in a closed one
    yield batch
