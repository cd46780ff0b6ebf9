"""The event log in Kafka: a range of the event topics -> events to learn from, and which range it was.

Owns the reading, by a consumer without a group; what may be learned is `retrain.event_recording`. The whole
range is held in memory, about 600 bytes an event: bound it by the topics' retention or by `since`. Caller:
`retrain.cycle.window_reading`.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, for_code

from retrain.event_recording import EventRecorder, RecordedEvents
from retrain.log_reading import read_past
from schemas.connections import kafka_arguments
from schemas.errors import Unavailable, UsageError
from schemas.kafka_refusals import kafka_unreachable
from schemas.release_manifest import LogRange
from schemas.settings import SharedSettings
from schemas.timestamps import to_epoch_ms

_REQUEST_TIMEOUT_MS = 10_000
_FETCH_WAIT_MS = 200  # the embedded broker holds every empty fetch for so long
_LOOK_S = 0.01
_STALL_S = 30.0
"""No position has moved for so long: it will not."""


class EventLog(NamedTuple):
    """A range of the event topics."""

    recorded: RecordedEvents
    ranges: list[LogRange]
    """What was read, by topic and partition; empty partitions too."""


def read_event_log(
    settings: SharedSettings,
    since: datetime | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> EventLog:
    """Read the event topics up to their present ends.

    Args:
        settings: where Kafka is, the event topics, the event type map.
        since: from the first record that Kafka has taken at this time or later, with a zone; None: from the
            beginning.
        progress: called with the offsets read and their total.

    Raises:
        UsageError: a topic does not exist.
        Unavailable: Kafka does not answer.
    """
    topics = ", ".join(settings.event_topics)
    try:
        return asyncio.run(_read(settings, since, progress))
    except KafkaConnectionError as error:
        raise Unavailable(kafka_unreachable(settings.kafka_bootstrap_servers)) from error
    except (KafkaError, TimeoutError) as error:
        raise Unavailable(
            f"topic {topics}: {str(error) or type(error).__name__}; is Kafka at "
            f"{settings.kafka_bootstrap_servers} up?"
        ) from error


async def _read(
    settings: SharedSettings, since: datetime | None, progress: Callable[[int, int], None]
) -> EventLog:
    partitions = await _partitions(settings)
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
        ranges = await _ranges(consumer, partitions, since)
        recorder = EventRecorder(settings.event_type_map, settings.max_clock_skew_s)
        await _record(consumer, ranges, recorder, progress)
    finally:
        await consumer.stop()
    return EventLog(recorder.recorded(), ranges)


async def _partitions(settings: SharedSettings) -> list[TopicPartition]:
    """All partitions of the event topics; a consumer would wait long for a topic that does not exist."""
    admin = AIOKafkaAdminClient(**kafka_arguments(settings), request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        described = await admin.describe_topics(settings.event_topics)
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
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition], since: datetime | None
) -> list[LogRange]:
    first = await consumer.beginning_offsets(partitions)
    end = await consumer.end_offsets(partitions)
    if since is not None:
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, to_epoch_ms(since)))
        first = {one: found[one].offset if found[one] else end[one] for one in partitions}
    return [
        LogRange(
            topic=one.topic,
            partition=one.partition,
            first_offset=min(first[one], end[one]),
            next_offset=end[one],
        )
        for one in partitions
    ]


async def _record(
    consumer: AIOKafkaConsumer,
    ranges: list[LogRange],
    recorder: EventRecorder,
    progress: Callable[[int, int], None],
) -> None:
    """Read each range to its end; a partition that has reached it is paused."""
    open_ranges = {TopicPartition(one.topic, one.partition): one for one in ranges}
    for partition, one in open_ranges.items():
        consumer.seek(partition, one.first_offset)
    total = sum(one.next_offset - one.first_offset for one in ranges)
    left = total
    while left:
        async with asyncio.timeout(_STALL_S):
            left = await _read_on(consumer, open_ranges, recorder, left)
        progress(total - left, total)


async def _read_on(
    consumer: AIOKafkaConsumer,
    open_ranges: dict[TopicPartition, LogRange],
    recorder: EventRecorder,
    left: int,
) -> int:
    """Read until a position moves; how many offsets are left then."""
    while True:
        for partition, one in open_ranges.items():
            for record in await read_past(consumer, partition, 0):
                if record.offset < one.next_offset:
                    recorder.add(record)
        positions = {partition: await consumer.position(partition) for partition in open_ranges}
        consumer.pause(*(at for at, one in open_ranges.items() if positions[at] >= one.next_offset))
        now_left: int = sum(max(0, one.next_offset - positions[at]) for at, one in open_ranges.items())
        if now_left != left:
            return now_left
        await asyncio.sleep(_LOOK_S)
