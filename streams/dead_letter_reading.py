"""Reading the dead-letter topic from its beginning, or a time, to its present end.

Without a group: nothing is marked as read. Caller: `millrace dead-letters`. Writers of the topic:
`streams.emitter`, `streams.dead_letter_replaying` (notes of what was replayed).
"""

import heapq
import time
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, UnsupportedVersionError

from schemas.connections import kafka_arguments
from schemas.dead_letter import DeadLetterReason, Place, read_reason, read_replayed
from schemas.errors import Unavailable, UsageError
from schemas.kafka_refusals import kafka_unreachable
from schemas.settings import SharedSettings
from streams.kafka_clients import topic_client
from streams.micro_batch import Record
from streams.topic_metadata import ask_once

_FETCH_WAIT_MS = 200  # the embedded broker holds every empty fetch for so long
_REQUEST_TIMEOUT_MS = 10_000
_POLL_MS = 1000
_PATIENCE_S = 15.0
"""How long Kafka may bring nothing of what it has; the client itself would wait for ever."""
_CLOCKS_APART = timedelta(minutes=10)
"""How far a broker that stamps messages itself may be behind the worker that says when one failed."""


@dataclass(frozen=True)
class StoredLetter:
    """A message of the dead-letter topic and the reason in its headers."""

    record: Record
    reason: DeadLetterReason

    @property
    def origin(self) -> str:
        """Where the message was when it failed, as `topic[partition]@offset`."""
        return f"{self.reason.topic}[{self.reason.partition}]@{self.reason.offset}"

    @property
    def place(self) -> Place:
        """Where it lies now."""
        return self.record.partition, self.record.offset


@dataclass(frozen=True)
class LetterFilter:
    """Which dead letters are meant; None means any."""

    topic: str | None = None
    """The topic that the message came from."""
    error: str | None = None
    """Part of the exception's class name or message."""
    since: datetime | None = None
    """The earliest time of the failure."""

    def admits(self, reason: DeadLetterReason) -> bool:
        """Whether a letter with this reason is meant."""
        return (
            (self.topic is None or reason.topic == self.topic)
            and (self.error is None or self.error in f"{reason.class_name}: {reason.message}")
            and (self.since is None or reason.failed_at >= self.since)
        )


class LatestLetters(NamedTuple):
    """Those that failed last of all that are meant."""

    letters: list[StoredLetter]
    """By the time of their failure."""
    replayed: set[Place]
    """Where those lie that were replayed."""
    found: int
    """How many are meant in all."""


async def latest_letters(settings: SharedSettings, wanted: LetterFilter, limit: int) -> LatestLetters:
    """The dead letters that are meant, the latest `limit` of them. Raises what `read_letters` does."""
    replayed: set[Place] = set()
    latest: list[tuple[int, int, StoredLetter]] = []
    found = 0
    async for letter in read_letters(settings, wanted, replayed):
        found += 1
        heapq.heappush(latest, (letter.reason.failed_at_ms, found, letter))
        if len(latest) > limit:
            heapq.heappop(latest)
    return LatestLetters([letter for *_, letter in sorted(latest)], replayed, found)


async def read_letters(
    settings: SharedSettings, wanted: LetterFilter, replayed: set[Place], patience_s: float = _PATIENCE_S
) -> AsyncGenerator[StoredLetter, None]:
    """The dead letters that are meant, in log order; messages of others on the topic are passed over.

    Args:
        settings: where Kafka is, and what the topic is called.
        wanted: which are meant.
        replayed: takes up the places of letters that were replayed; complete when all was read.
        patience_s: how long Kafka may bring nothing of what it has.

    Raises:
        Unavailable: Kafka does not answer.
        UsageError: there is no such topic.
    """
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False,
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        **kafka_arguments(settings),
    )
    try:
        await consumer.start()
        partitions = await _partitions(settings)
        consumer.assign(partitions)
        await _seek(consumer, partitions, wanted.since)
        async for record in _records(consumer, partitions, patience_s):
            replayed.update(read_replayed(record.headers))
            reason = read_reason(record.headers)
            if reason is not None and wanted.admits(reason):
                yield StoredLetter(record, reason)
    except KafkaConnectionError as error:
        raise Unavailable(kafka_unreachable(settings.kafka_bootstrap_servers)) from error
    except KafkaError as error:
        raise Unavailable(f"topic {settings.dead_letter_topic}: {error}") from error
    finally:
        await consumer.stop()


async def _partitions(settings: SharedSettings) -> list[TopicPartition]:
    """Those of the topic, which is not created by asking for it."""
    name = settings.dead_letter_topic
    found = (await ask_once(topic_client(settings), [name])).get(name)
    if found is None:
        raise UsageError(
            f"there is no topic {name}; run `millrace topics create`, or correct MILLRACE_DEAD_LETTER_TOPIC"
        )
    return [TopicPartition(name, number) for number in range(found.partitions)]


async def _seek(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition], since: datetime | None
) -> None:
    """Go to the beginning, or to where that begins which was written since a time: it failed before that."""
    offsets = await consumer.beginning_offsets(partitions)
    if since is not None:
        offsets |= await _offsets_at(consumer, partitions, since - _CLOCKS_APART)
    for partition, offset in offsets.items():
        consumer.seek(partition, offset)


async def _offsets_at(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition], moment: datetime
) -> dict[TopicPartition, int]:
    """Where messages of a time begin; nothing where the broker does not tell.

    The embedded one says of every time that there is nothing since, also of the earliest.
    """
    time_ms = max(0, int(moment.timestamp() * 1000))
    try:
        oldest, found = [
            await consumer.offsets_for_times(dict.fromkeys(partitions, at_ms)) for at_ms in (0, time_ms)
        ]
    except (UnsupportedVersionError, ValueError):
        return {}
    ends = await consumer.end_offsets(partitions)
    knows = [one for one in partitions if oldest.get(one) is not None]
    return {one: ends[one] if found.get(one) is None else found[one].offset for one in knows}


async def _records(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition], patience_s: float
) -> AsyncGenerator[Record, None]:
    ends = await consumer.end_offsets(partitions)
    found_s = time.monotonic()
    while behind := [
        partition for partition, end in ends.items() if await consumer.position(partition) < end
    ]:
        for messages in (await consumer.getmany(*behind, timeout_ms=_POLL_MS)).values():
            for message in messages:
                yield message
            found_s = time.monotonic()
        if time.monotonic() - found_s > patience_s:
            raise Unavailable(
                f"Kafka has stopped answering: {behind[0].topic}[{behind[0].partition}] was read up to "
                f"{await consumer.position(behind[0])} of {ends[behind[0]]}; try again"
            )
