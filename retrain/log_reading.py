"""Reading a partition past what the Kafka client cannot parse: `streams.partition_reading`, offline.

What cannot be parsed is passed over with the rest of its producer batch; online each message of it is a dead
letter. A record without a value stands in its place and counts as invalid. Callers: `retrain.event_log`,
`retrain.releases.announcing`.
"""

from traceback import walk_tb
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CorruptRecordException

Record: TypeAlias = "ConsumerRecord[bytes | None, bytes | None]"
_REFETCH_MS = 1000


async def read_past(consumer: AIOKafkaConsumer, partition: TopicPartition, wait_ms: int) -> list[Record]:
    """The next messages of a partition; none where none has come within `wait_ms`.

    Raises:
        KafkaError: Kafka refuses, or does not answer.
    """
    try:
        return await _next(consumer, partition, wait_ms)
    except (ValueError, CorruptRecordException):  # the client says neither where, nor what was before it
        return await _up_to_what_fails(consumer, partition)


async def _up_to_what_fails(consumer: AIOKafkaConsumer, partition: TopicPartition) -> list[Record]:
    records: list[Record] = []
    try:
        while found := await _next(consumer, partition, _REFETCH_MS, 1):
            records += found
    except (ValueError, CorruptRecordException) as error:
        position = await consumer.position(partition)
        consumer.seek(partition, max(position + 1, _end_of_batch(error)))
        records.append(_in_its_place(partition, position))
    return records


async def _next(
    consumer: AIOKafkaConsumer, partition: TopicPartition, wait_ms: int, most: int | None = None
) -> list[Record]:
    fetched = await consumer.getmany(partition, timeout_ms=wait_ms, max_records=most)
    found: list[Record] = fetched.get(partition, [])
    return found


def _end_of_batch(error: Exception) -> int:
    """The offset behind the producer batch that failed, which the client's stack frame knows; else 0."""
    batches = (frame.f_locals.get("next_batch") for frame, _ in walk_tb(error.__traceback__))
    return max((int(batch.next_offset) for batch in batches if batch is not None), default=0)


def _in_its_place(partition: TopicPartition, offset: int) -> Record:
    return ConsumerRecord(
        topic=partition.topic,
        partition=partition.partition,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=None,
        value=None,
        checksum=None,
        serialized_key_size=-1,
        serialized_value_size=-1,
        headers=(),
    )
