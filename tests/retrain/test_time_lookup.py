"""Where records of a time begin, on a real Kafka and on the embedded broker, which cannot tell."""

import asyncio
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from retrain.event_log import read_event_log
from retrain.time_lookup import offsets_at
from schemas.settings import SharedSettings
from streams.dev.embedded_kafka import EmbeddedKafka
from tests.services.kafka_broker import Kafka

EVENT = b'{"session_id": "s", "item_id": "%s", "event_type": "view", "occurred_at": 2000}'


async def send(servers: str, topic: str) -> list[TopicPartition]:
    """Three events in the first of two partitions, at 1000, 2000 and 3000 ms."""
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for at in (1, 2, 3):
            await producer.send_and_wait(topic, EVENT % b"i%d" % at, partition=0, timestamp_ms=1000 * at)
    return [TopicPartition(topic, 0), TopicPartition(topic, 1)]


async def found(servers: str, partitions: list[TopicPartition], time_ms: int) -> list[int]:
    """The offsets of a time, by partition."""
    async with AIOKafkaConsumer(bootstrap_servers=servers, group_id=None) as consumer:
        consumer.assign(partitions)
        at = await offsets_at(consumer, partitions, time_ms)
        return [at[one] for one in partitions]


@pytest.mark.usefixtures("apache_kafka")
async def test_records_of_a_time_begin_where_kafka_says(kafka: Kafka, prefix: str) -> None:
    partitions = await send(kafka.bootstrap_servers, kafka.create_topic(f"{prefix}events", 2))
    assert await found(kafka.bootstrap_servers, partitions, 1500) == [1, 0]
    assert await found(kafka.bootstrap_servers, partitions, 3001) == [3, 0]
    assert await found(kafka.bootstrap_servers, partitions, -5) == [0, 0]


async def test_all_is_read_from_a_broker_that_cannot_look_up_times() -> None:
    with EmbeddedKafka({"events": 2}) as broker:
        partitions = await send(broker.bootstrap_servers, "events")
        assert await found(broker.bootstrap_servers, partitions, 1500) == [0, 0]


def test_window_holds_what_was_taken_since_then_also_where_times_cannot_be_looked_up() -> None:
    with EmbeddedKafka({"events": 2}) as broker:
        asyncio.run(send(broker.bootstrap_servers, "events"))
        settings = SharedSettings(kafka_bootstrap_servers=broker.bootstrap_servers)
        log = read_event_log(settings, datetime.fromtimestamp(2, UTC))
    assert log.recorded.events["item_id"].to_list() == ["i2", "i3"]
