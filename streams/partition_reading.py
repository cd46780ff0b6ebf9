"""Reading one partition on, past messages that the Kafka client cannot parse.

aiokafka stops at such a message for good, and says neither which it was nor in which partition. So partitions
are read one by one: what fails in one takes no messages of another with it. The client parses whole producer
batches: what lies behind the message in its batch cannot be read either, and is passed over with it.

Callers: the readers of the topics of low rate, `streams.catalogue_consumer`, `streams.catalogue_refresh` and
`streams.announcement_topic`. The events have `streams.message_polling`, which gives every position a dead
letter.
"""

from traceback import walk_tb

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException

from streams.micro_batch import Record
from streams.unreadable_records import unreadable_record

_REFETCH_MS = 1000


async def read_on(consumer: AIOKafkaConsumer, partition: TopicPartition, wait_ms: int) -> list[Record]:
    """The next messages of a partition; in the place of those that cannot be parsed, one record says so.

    Args:
        consumer: reads the partition.
        partition: which one.
        wait_ms: how long to wait for a message; none comes back after it.

    Raises:
        KafkaError: Kafka refuses, or does not answer.
    """
    try:
        return await _next(consumer, partition, wait_ms)
    except (ValueError, CorruptRecordException):
        return await _up_to_what_fails(consumer, partition)


async def _up_to_what_fails(consumer: AIOKafkaConsumer, partition: TopicPartition) -> list[Record]:
    """The messages before the one that cannot be parsed, one by one, and a record in its place."""
    records: list[Record] = []
    while True:
        try:
            found = await _next(consumer, partition, _REFETCH_MS, 1)
        except (ValueError, CorruptRecordException) as error:
            position = await consumer.position(partition)
            behind = max(position + 1, _end_of_batch(error))
            consumer.seek(partition, behind)
            reason = f"{error} (nothing from {position} to {behind - 1} can be read)"
            return [*records, unreadable_record(partition, behind - 1, reason)]
        if not found:  # Kafka went away, or the partition did: the next call meets the message again
            return records
        records += found


async def _next(
    consumer: AIOKafkaConsumer, partition: TopicPartition, wait_ms: int, most: int | None = None
) -> list[Record]:
    fetched = await consumer.getmany(partition, timeout_ms=wait_ms, max_records=most)
    found: list[Record] = fetched.get(partition, [])
    return found


def _end_of_batch(error: Exception) -> int:
    """The offset behind the producer batch that failed; 0 where the client does not show it.

    Only the client's stack frame knows the batch. Going on by single offsets instead would fail for each
    message of the batch, and in a compacted topic for each offset of the gap before it.
    """
    batches = (frame.f_locals.get("next_batch") for frame, _ in walk_tb(error.__traceback__))
    return max((int(batch.next_offset) for batch in batches if batch is not None), default=0)
