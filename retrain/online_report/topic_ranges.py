"""Records of topics that Kafka took in a range of time.

Owns the reading, by a consumer without a group; what is in the records is for `logged_lists` and
`followed_sessions`. Caller: `retrain.online_report.online_reporting`.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from retrain.log_reading import Record, read_past
from retrain.time_lookup import offsets_at
from retrain.topic_reading import groupless_consumer, kafka_errors_told, topic_partitions
from schemas.connections import kafka_arguments
from schemas.settings import SharedSettings

_FETCH_WAIT_MS = 200
_STALL_S = 30.0
"""No position has moved for so long: it will not."""

Progress = Callable[[int, int], None]
"""Called with the offsets read and their total."""


class TimeRange(NamedTuple):
    """What is read of a topic, by Kafka's times, epoch milliseconds."""

    since_ms: int
    """From the first record that Kafka has taken at this time or later."""
    until_ms: int | None
    """Up to the first that it has taken then; None: to the present end."""


def read_topics(
    settings: SharedSettings,
    topics: Sequence[str],
    wanted: TimeRange,
    take: Callable[[Record], None],
    progress: Progress,
) -> None:
    """Read a range: one partition after the other, each in its own order.

    Args:
        settings: where Kafka is.
        topics: which exist.
        wanted: the range.
        take: called with every record.
        progress: see `Progress`.

    Raises:
        UsageError: a topic does not exist.
        Unavailable: Kafka does not answer.
    """
    remedy = f"is Kafka at {settings.kafka_bootstrap_servers} up?"
    with kafka_errors_told(kafka_arguments(settings), topics, remedy):
        asyncio.run(_read(settings, topics, wanted, take, progress))


async def _read(
    settings: SharedSettings,
    topics: Sequence[str],
    wanted: TimeRange,
    take: Callable[[Record], None],
    progress: Progress,
) -> None:
    partitions = await topic_partitions(settings, topics)
    consumer = groupless_consumer(kafka_arguments(settings))
    try:
        await consumer.start()
        consumer.assign(partitions)
        await _take_records(consumer, await _ranges(consumer, partitions, wanted), take, progress)
    finally:
        await consumer.stop()


async def _ranges(
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition], wanted: TimeRange
) -> dict[TopicPartition, tuple[int, int]]:
    """First and next offset of each partition."""
    end = await consumer.end_offsets(partitions)
    first = await offsets_at(consumer, partitions, wanted.since_ms)
    found = {}
    if wanted.until_ms is not None:
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, wanted.until_ms))
    last = {one: end[one] if (at := found.get(one)) is None else at.offset for one in partitions}
    return {one: (first[one], max(first[one], last[one])) for one in partitions}


async def _take_records(
    consumer: AIOKafkaConsumer,
    ranges: dict[TopicPartition, tuple[int, int]],
    take: Callable[[Record], None],
    progress: Progress,
) -> None:
    total, done = sum(end - begin for begin, end in ranges.values()), 0
    consumer.pause(*ranges)
    for partition, (begin, end) in ranges.items():
        consumer.resume(partition)
        consumer.seek(partition, begin)
        while (position := await consumer.position(partition)) < end:
            progress(done + position - begin, total)
            async with asyncio.timeout(_STALL_S):
                while await consumer.position(partition) == position:
                    for record in await read_past(consumer, partition, _FETCH_WAIT_MS):
                        if record.offset < end:
                            take(record)
        consumer.pause(partition)
        done += end - begin
    progress(total, total)


def in_log_order(partitions: Iterable[Iterable[Record]]) -> Iterator[Record]:
    """Records of several partitions, by the latest of Kafka's times so far in each.

    That never falls, so each partition keeps its order.
    """
    return (
        record for _, _, record in heapq.merge(*map(_timed, count(), partitions), key=lambda row: row[:2])
    )


def _timed(number: int, records: Iterable[Record]) -> Iterator[tuple[int, int, Record]]:
    latest = 0
    for record in records:
        latest = max(latest, record.timestamp)
        yield latest, number, record
