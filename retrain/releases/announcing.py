"""Announcing a release on the `releases` topic, so that every worker and lookup swaps to it.

Writer: this module alone writes the topic. Readers: `streams.release_watcher`, `millrace releases`.
Callers: `retrain` after the gate, `millrace releases promote|rollback`, the demo.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from msgspec.structs import replace

from retrain.log_reading import read_past
from retrain.topic_reading import groupless_consumer, kafka_errors_told
from schemas.ids import ReleaseId
from schemas.release_announcement import (
    RELEASE_LINE,
    ReleaseAnnouncement,
    decode_release_announcement,
    encode_release_announcement,
)

T = TypeVar("T")
_REQUEST_TIMEOUT_MS = 10_000
_POLL_MS = 1000
_TIMEOUT_S = 60.0
_REMEDY = "is Kafka up, and were the topics created?"


class Announced(NamedTuple):
    """An announcement and where it is."""

    offset: int
    announcement: ReleaseAnnouncement


def announce(
    kafka: dict[str, Any],
    topic: str,
    release_id: ReleaseId,
    reason: str | msgspec.UnsetType = msgspec.UNSET,
    forced: bool | msgspec.UnsetType = msgspec.UNSET,
) -> ReleaseAnnouncement:
    """Announce a release with the next generation; does not check the release.

    Args:
        kafka: `schemas.connections.kafka_arguments`.
        topic: the releases topic.
        release_id: what to serve from now on.
        reason: see `ReleaseAnnouncement`.
        forced: likewise.

    Raises:
        Unavailable: Kafka does not answer, or the topic is missing.
    """
    what = ReleaseAnnouncement(
        release_id=release_id, generation=0, announced_at=datetime.now(UTC), reason=reason, forced=forced
    )
    return _run(_announce(kafka, topic, what), kafka, topic)


def claim_generation(kafka: dict[str, Any], topic: str, announcement: ReleaseAnnouncement) -> bool:
    """Announce exactly this: with its generation, or not at all.

    Args:
        kafka: `schemas.connections.kafka_arguments`.
        topic: the releases topic.
        announcement: whose generation nobody has claimed yet, as far as the caller knows.

    Returns:
        Whether it is the first in the log that claims its generation; otherwise it counts for nobody.

    Raises:
        Unavailable: Kafka does not answer, or the topic is missing; it may have been announced.
    """
    return _run(_claim(kafka, topic, announcement), kafka, topic)


def read_announcements(kafka: dict[str, Any], topic: str) -> list[Announced]:
    """What the topic holds now, in log order; messages that are no announcement are passed over.

    Raises:
        Unavailable: Kafka does not answer, or the topic is missing.
    """
    return _run(_read(kafka, topic), kafka, topic)


def running_announcement(announced: Sequence[Announced]) -> ReleaseAnnouncement | None:
    """The announcement that workers follow: the greatest generation, the first of those that claim it."""
    return max((one.announcement for one in announced), key=lambda one: one.generation, default=None)


def read_running(kafka: dict[str, Any], topic: str) -> ReleaseAnnouncement | None:
    """The announcement that workers follow now; None where there is none.

    Raises:
        Unavailable: Kafka does not answer, or the topic is missing.
    """
    return running_announcement(read_announcements(kafka, topic))


async def _announce(kafka: dict[str, Any], topic: str, what: ReleaseAnnouncement) -> ReleaseAnnouncement:
    """Two announcers at once may claim the same generation; the later one in the log takes the next."""
    while True:
        announcement = _next(running_announcement(await _read(kafka, topic)), what)
        if await _claim(kafka, topic, announcement):
            return announcement


async def _claim(kafka: dict[str, Any], topic: str, announcement: ReleaseAnnouncement) -> bool:
    producer = AIOKafkaProducer(acks="all", request_timeout_ms=_REQUEST_TIMEOUT_MS, **kafka)
    try:
        await producer.start()
        value = encode_release_announcement(announcement)
        sent = await producer.send_and_wait(topic, value, key=RELEASE_LINE, partition=0)
        claims = (
            one for one in await _read(kafka, topic) if one.announcement.generation == announcement.generation
        )
        first = next(claims, Announced(sent.offset, announcement))
        return first.announcement == announcement  # the client may have sent it twice: its own is no other's
    finally:
        await producer.stop()


def _next(before: ReleaseAnnouncement | None, what: ReleaseAnnouncement) -> ReleaseAnnouncement:
    return replace(
        what,
        generation=before.generation + 1 if before else 1,
        announced_at=datetime.now(UTC),
        previous=_previous(before, what.release_id),
    )


def _previous(before: ReleaseAnnouncement | None, release_id: ReleaseId) -> ReleaseId | None:
    if before is None:
        return None
    return before.release_id if before.release_id != release_id else before.previous


async def _read(kafka: dict[str, Any], topic: str) -> list[Announced]:
    partition = TopicPartition(topic, 0)
    consumer = groupless_consumer(kafka, "read_uncommitted")
    consumer.assign([partition])
    announced = []
    try:
        await consumer.start()
        end = (await consumer.end_offsets([partition]))[partition]
        await consumer.seek_to_beginning(partition)
        while await consumer.position(partition) < end:
            for message in await read_past(consumer, partition, _POLL_MS):
                try:
                    announcement = decode_release_announcement(message.value or b"")
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                announced.append(Announced(message.offset, announcement))
    finally:
        await consumer.stop()
    return announced


def _run(work: Coroutine[Any, Any, T], kafka: dict[str, Any], topic: str) -> T:
    async def in_time() -> T:
        async with asyncio.timeout(_TIMEOUT_S):
            return await work

    with kafka_errors_told(kafka, [topic], _REMEDY):
        return asyncio.run(in_time())
