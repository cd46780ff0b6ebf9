"""What happens to topics behind a worker's back: made anew, trimmed, given more partitions.

Callers: the tests of changed logs.
"""

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from tests.services.kafka_broker import Kafka
from tests.streams.worker_stage import DEADLINE_S, PARTITIONS


def make_anew(kafka: Kafka, topic: str, partitions: int = PARTITIONS) -> None:
    """Delete a topic and create it again."""
    admin = _admin(kafka)
    admin.delete_topics([topic], operation_timeout=DEADLINE_S)[topic].result(DEADLINE_S)
    kafka.create_topic(topic, partitions)


def trim(kafka: Kafka, topic: str) -> dict[int, int]:
    """Delete all records that a topic has now; by partition, the offset where its log begins afterwards."""
    ends = {number: _end(kafka, topic, number) for number in range(PARTITIONS)}
    before = [TopicPartition(topic, number, end) for number, end in ends.items()]
    admin = _admin(kafka)  # it must live as long as its answers are waited for
    for done in admin.delete_records(before).values():
        done.result(DEADLINE_S)
    return ends


def grow(kafka: Kafka, topic: str, partitions: int) -> None:
    """Give a topic more partitions."""
    admin, wanted = _admin(kafka), [NewPartitions(topic, partitions)]
    admin.create_partitions(wanted, operation_timeout=DEADLINE_S)[topic].result(DEADLINE_S)


def _end(kafka: Kafka, topic: str, partition: int) -> int:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "nobody"})
    try:
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=DEADLINE_S)
    finally:
        consumer.close()
    return int(end)


def _admin(kafka: Kafka) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
