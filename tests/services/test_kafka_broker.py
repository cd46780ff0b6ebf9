from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.services.kafka_broker import Kafka


def test_topic_has_the_partitions_it_was_created_with(kafka: Kafka, prefix: str) -> None:
    topic = kafka.create_topic(f"{prefix}events", 7)
    found = AdminClient({"bootstrap.servers": kafka.bootstrap_servers}).list_topics(topic, timeout=10)
    assert len(found.topics[topic].partitions) == 7


async def test_what_is_produced_is_consumed(kafka: Kafka, prefix: str) -> None:
    topic = kafka.create_topic(f"{prefix}events", 2)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, enable_idempotence=True
    ) as producer:
        for number in range(10):
            await producer.send_and_wait(topic, b"%d" % number, partition=1)
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest"
    ) as consumer:
        consumer.assign([TopicPartition(topic, 1)])
        values = [(await consumer.getone()).value for _ in range(10)]
    assert values == [b"%d" % number for number in range(10)]
