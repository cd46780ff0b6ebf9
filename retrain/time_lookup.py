"""Where the records of a time begin, whether or not the broker can tell.

Owns no consumer. Callers: whoever reads topics from a time on: `retrain.event_log`, `retrain.online_report`,
`retrain.side_index`.
"""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition


async def offsets_at(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], time_ms: int
) -> dict[TopicPartition, int]:
    """The first offset that Kafka took at a time or later, by partition; the end where there is none yet.

    The embedded broker says of every time that there is nothing since, also of the earliest. From one that
    does so everything is to be read: the offsets are the beginnings, and records have times of their own.

    Args:
        consumer: started.
        partitions: any.
        time_ms: epoch milliseconds.

    Raises:
        KafkaError: Kafka does not answer.
    """
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, max(time_ms, 0)))
    told = {one: at.offset for one, at in found.items() if at is not None}
    ends = await consumer.end_offsets(partitions)
    if not told and any(ends.values()):
        oldest = await consumer.offsets_for_times(dict.fromkeys(partitions, 0))
        if not any(oldest.values()):
            return dict(await consumer.beginning_offsets(partitions))
    return {one: told.get(one, ends[one]) for one in partitions}
