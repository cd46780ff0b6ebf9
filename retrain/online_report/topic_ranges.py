"""Records of topics that Kafka took in a range of time, in one order.

Owns the reading, by a consumer without a group; what is in the records is for `logged_lists` and
`followed_sessions`. Caller: `retrain.online_report.online_reporting`.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterator, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, for_code

from retrain.log_reading import Record, read_past
from schemas.connections import kafka_arguments
from schemas.errors import Unavailable, UsageError
from schemas.kafka_refusals import kafka_unreachable
from schemas.settings import SharedSettings

_REQUEST_TIMEOUT_MS = 10_000
_FETCH_WAIT_MS = 200
_STALL_S = 30.0
"""No position has moved for so long: it will not."""

Progress = Callable[[int, int], None]
"""Called with the offsets read and their total."""


def read_topics(
    settings: SharedSettings, topics: Sequence[str], since_ms: int, until_ms: int | None, progress: Progress
) -> Iterator[Record]:
    """The records of a range, each partition in its own order, the partitions merged by Kafka's timestamps.

    Args:
        settings: where Kafka is.
        topics: which exist.
        since_ms: from the first record that Kafka has taken at this time or later, epoch milliseconds.
        until_ms: up to the first that it has taken then; None: to the present end.
        progress: see `Progress`.

    Raises:
        UsageError: a topic does not exist.
        Unavailable: Kafka does not answer.
    """
    try:
        return _merged(asyncio.run(_read(settings, topics, since_ms, until_ms, progress)))
    except KafkaConnectionError as error:
        raise Unavailable(kafka_unreachable(settings.kafka_bootstrap_servers)) from error
    except (KafkaError, TimeoutError) as error:
        raise Unavailable(
            f"topic {', '.join(topics)}: {str(error) or type(error).__name__}; is Kafka at "
            f"{settings.kafka_bootstrap_servers} up?"
        ) from error


async def _read(
    settings: SharedSettings, topics: Sequence[str], since_ms: int, until_ms: int | None, progress: Progress
) -> list[list[Record]]:
    partitions = await _partitions(settings, topics)
    consumer = AIOKafkaConsumer(
        **kafka_arguments(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
    )
    try:
        await consumer.start()
        consumer.assign(partitions)
        ranges = await _ranges(consumer, partitions, since_ms, until_ms)
        return await _records(consumer, ranges, progress)
    finally:
        await consumer.stop()


async def _partitions(settings: SharedSettings, topics: Sequence[str]) -> list[TopicPartition]:
    """All partitions; a consumer would wait long for a topic that does not exist."""
    admin = AIOKafkaAdminClient(**kafka_arguments(settings), request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    for topic in described:
        if topic["error_code"]:
            problem = for_code(topic["error_code"]).__name__
            raise UsageError(f"topic {topic['topic']}: {problem}; run `millrace topics create`")
    return sorted(
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    )


async def _ranges(
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition], since_ms: int, until_ms: int | None
) -> dict[TopicPartition, tuple[int, int]]:
    """First and next offset of each partition."""
    end = await consumer.end_offsets(partitions)
    first = await consumer.offsets_for_times(dict.fromkeys(partitions, max(since_ms, 0)))
    last = {} if until_ms is None else await consumer.offsets_for_times(dict.fromkeys(partitions, until_ms))
    ranges = {}
    for one in partitions:
        begins, ends = first.get(one), last.get(one)
        begin = end[one] if begins is None else begins.offset
        ranges[one] = (begin, max(begin, end[one] if ends is None else ends.offset))
    return ranges


async def _records(
    consumer: AIOKafkaConsumer, ranges: dict[TopicPartition, tuple[int, int]], progress: Progress
) -> list[list[Record]]:
    """Each range to its end, one after the other."""
    total = sum(end - begin for begin, end in ranges.values())
    done, found = 0, []
    consumer.pause(*ranges)
    for partition, (begin, end) in ranges.items():
        consumer.resume(partition)
        consumer.seek(partition, begin)
        records: list[Record] = []
        while (position := await consumer.position(partition)) < end:
            progress(done + position - begin, total)
            async with asyncio.timeout(_STALL_S):
                while await consumer.position(partition) == position:
                    records += await read_past(consumer, partition, _FETCH_WAIT_MS)
        consumer.pause(partition)
        done += end - begin
        found.append([record for record in records if record.offset < end])
    progress(total, total)
    return found


def _merged(partitions: list[list[Record]]) -> Iterator[Record]:
    """By the latest of Kafka's times so far in the partition: it never falls, so each keeps its order."""
    timed: list[list[tuple[int, int, Record]]] = []
    for number, records in enumerate(partitions):
        latest, rows = 0, []
        for record in records:
            latest = max(latest, record.timestamp)
            rows.append((latest, number, record))
        timed.append(rows)
    return (record for _, _, record in heapq.merge(*timed, key=lambda row: row[:2]))
