import asyncio
import uuid
from collections.abc import Iterator

import confluent_kafka
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.errors import UsageError
from streams.dev.embedded_kafka import EmbeddedKafka

PARTITIONS = 32


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka({"events": PARTITIONS, "releases": 1}) as running:
        yield running


@pytest.fixture
def topic(broker: EmbeddedKafka) -> str:
    name = f"topic-{uuid.uuid4().hex[:8]}"
    broker.create_topic(name, PARTITIONS)
    return name


def test_topics_have_the_partitions_asked_for(broker: EmbeddedKafka) -> None:
    found = AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=10).topics
    assert {
        name: len(topic.partitions) for name, topic in found.items() if name in ("events", "releases")
    } == {
        "events": PARTITIONS,
        "releases": 1,
    }


def test_topic_that_exists_is_refused(broker: EmbeddedKafka) -> None:
    with pytest.raises(UsageError, match=r"events with 8 partitions: .*already exists"):
        broker.create_topic("events", 8)


def test_broker_that_cannot_start_says_why(broker: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")
    with pytest.raises(UsageError, match="the embedded Kafka broker did not start: "), EmbeddedKafka():
        pass


async def test_aiokafka_reads_what_aiokafka_wrote_in_order(broker: EmbeddedKafka, topic: str) -> None:
    await produce_with_aiokafka(broker, topic)
    assert await consume_with_aiokafka(broker, topic) == written()


async def test_aiokafka_reads_what_confluent_kafka_wrote_in_order(broker: EmbeddedKafka, topic: str) -> None:
    produce_with_confluent_kafka(broker, topic)
    assert await consume_with_aiokafka(broker, topic) == written()


async def test_confluent_kafka_reads_what_aiokafka_wrote_in_order(broker: EmbeddedKafka, topic: str) -> None:
    await produce_with_aiokafka(broker, topic)
    assert consume_with_confluent_kafka(broker, topic) == written()


async def test_successor_in_a_group_goes_on_at_the_committed_offsets(
    broker: EmbeddedKafka, topic: str
) -> None:
    # The mock lets a successor wait for the session timeout less a second; see `streams.dev.mock_cluster`.
    arguments = {
        "bootstrap_servers": broker.bootstrap_servers,
        "group_id": f"group-{topic}",
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "fetch_max_wait_ms": 20,
        "session_timeout_ms": 1500,
        "heartbeat_interval_ms": 300,
    }
    await produce_with_aiokafka(broker, topic)
    async with asyncio.timeout(30), AIOKafkaConsumer(topic, **arguments) as first:
        assert len(first.assignment()) == PARTITIONS
        await first.commit(dict.fromkeys(first.assignment(), 2))
    async with asyncio.timeout(30), AIOKafkaConsumer(topic, **arguments) as successor:
        assert [(await successor.getone()).offset for _ in range(PARTITIONS)] == [2] * PARTITIONS


# Three messages in each partition: by partition, in order.
def written() -> dict[int, list[bytes]]:
    return {at: [b"%d-%d" % (at, number) for number in range(3)] for at in range(PARTITIONS)}


async def produce_with_aiokafka(broker: EmbeddedKafka, topic: str) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap_servers, enable_idempotence=True, linger_ms=20
    ) as producer:
        acks = [
            await producer.send(topic, value, partition=at)
            for at, values in written().items()
            for value in values
        ]
        await asyncio.gather(*acks)


def produce_with_confluent_kafka(broker: EmbeddedKafka, topic: str) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 20})
    for at, values in written().items():
        for value in values:
            producer.produce(topic, value, partition=at)
    assert producer.flush(30) == 0


async def consume_with_aiokafka(broker: EmbeddedKafka, topic: str) -> dict[int, list[bytes]]:
    read: dict[int, list[bytes]] = {at: [] for at in range(PARTITIONS)}
    async with (
        asyncio.timeout(30),
        AIOKafkaConsumer(
            bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=20
        ) as consumer,
    ):
        consumer.assign([TopicPartition(topic, at) for at in range(PARTITIONS)])
        while sum(map(len, read.values())) < 3 * PARTITIONS:
            for partition, records in (await consumer.getmany(timeout_ms=1000)).items():
                read[partition.partition] += [record.value for record in records]
    return read


def consume_with_confluent_kafka(broker: EmbeddedKafka, topic: str) -> dict[int, list[bytes]]:
    read: dict[int, list[bytes]] = {at: [] for at in range(PARTITIONS)}
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": f"group-{topic}",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
        }
    )
    consumer.subscribe([topic])
    try:
        while sum(map(len, read.values())) < 3 * PARTITIONS:
            message = consumer.poll(30)
            assert message is not None
            partition, value = message.partition(), message.value()
            assert partition is not None
            assert value is not None
            read[partition].append(value)
    finally:
        consumer.close()
    return read
