"""`read_on` on a real Kafka: what stands behind a message that cannot be parsed is read."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.micro_batch import Record
from streams.partition_reading import read_on
from streams.unreadable_records import why_unreadable
from tests.odd_messages import send_odd
from tests.services.kafka_broker import Kafka
from tests.waiting import until

WAIT_MS = 200
LONG_MS = 20_000


class PausingConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """Its partitions can be paused where a message fails, as by a rebalance at that moment."""

    pause_at_errors = False

    async def getmany(self, *partitions: TopicPartition, **limits: int | None) -> dict[Any, Any]:
        """The next messages."""
        try:
            return dict(await super().getmany(*partitions, **limits))
        except ValueError:
            if self.pause_at_errors:
                self.pause(*partitions)
            raise


class Topic:
    """A topic of two partitions and a consumer at its beginning."""

    def __init__(self, name: str, consumer: PausingConsumer) -> None:
        self.name = name
        self.consumer = consumer
        self.partitions = [TopicPartition(name, number) for number in range(2)]

    async def read_to_end(self, partition: int) -> list[Record]:
        tp = self.partitions[partition]
        end = (await self.consumer.end_offsets([tp]))[tp]
        records: list[Record] = []
        while await self.consumer.position(tp) < end:
            records += await read_on(self.consumer, tp, WAIT_MS)
        return records


@pytest.fixture
async def topic(kafka: Kafka, prefix: str) -> AsyncIterator[Topic]:
    name = kafka.create_topic(f"{prefix}items", partitions=2)
    async with PausingConsumer(
        bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=50
    ) as consumer:
        topic = Topic(name, consumer)
        consumer.assign(topic.partitions)
        yield topic


async def send(kafka: Kafka, topic: Topic, *keys: str, partition: int = 0) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        for key in keys:
            await producer.send_and_wait(topic.name, b"{}", key=key.encode(), partition=partition)


def shown(records: list[Record]) -> list[tuple[int, str]]:
    """Offset and key of each; of an unreadable one, that it is."""
    return [
        (one.offset, "unreadable" if why_unreadable(one) else (one.key or b"").decode()) for one in records
    ]


async def test_message_that_cannot_be_parsed_is_named_between_its_neighbours(
    kafka: Kafka, topic: Topic
) -> None:
    await send(kafka, topic, "a", "b")
    send_odd(kafka.bootstrap_servers, topic.name)
    await send(kafka, topic, "c")
    records = await topic.read_to_end(0)
    assert shown(records) == [(0, "a"), (1, "b"), (2, "unreadable"), (3, "c")]
    assert "utf-8" in (why_unreadable(records[2]) or "")


async def test_rest_of_its_producer_batch_is_passed_over_and_named_with_it(
    kafka: Kafka, topic: Topic
) -> None:
    send_odd(kafka.bootstrap_servers, topic.name, keys=("a", "odd", "b", "odd", "c"))
    await send(kafka, topic, "d")
    records = await topic.read_to_end(0)
    assert shown(records) == [(0, "a"), (4, "unreadable"), (5, "d")]
    assert "nothing from 1 to 4 can be read" in (why_unreadable(records[1]) or "")


async def test_messages_of_other_partitions_are_not_lost_with_it(kafka: Kafka, topic: Topic) -> None:
    await send(kafka, topic, "a", partition=1)
    send_odd(kafka.bootstrap_servers, topic.name, partition=0)
    await until(lambda: all(topic.consumer.highwater(one) for one in topic.partitions))
    assert shown(await topic.read_to_end(0)) == [(0, "unreadable")]
    assert shown(await topic.read_to_end(1)) == [(0, "a")]


async def test_partition_that_is_paused_before_the_message_is_found_is_read_later(
    kafka: Kafka, topic: Topic
) -> None:
    send_odd(kafka.bootstrap_servers, topic.name)
    topic.consumer.pause_at_errors = True
    assert await read_on(topic.consumer, topic.partitions[0], LONG_MS) == []
    topic.consumer.pause_at_errors = False
    topic.consumer.resume(topic.partitions[0])
    assert shown(await topic.read_to_end(0)) == [(0, "unreadable")]
