"""Sending dead letters once more to where they came from, with a count of the hops.

Caller: `millrace dead-letters replay`. The worker keeps the count when a message fails again.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
)

from schemas.connections import kafka_arguments
from schemas.dead_letter import HOPS, original_headers
from schemas.errors import Unavailable
from schemas.kafka_refusals import kafka_unreachable
from schemas.settings import SharedSettings
from schemas.topics import MAX_DEAD_LETTER_BYTES
from streams.dead_letter_reading import StoredLetter

_REQUEST_TIMEOUT_MS = 10_000


@dataclass
class ReplayCount:
    """What became of the letters."""

    sent: int = 0
    spent: int = 0
    """Those that were replayed as often as is allowed."""
    too_large: int = 0
    """Those that their topic does not take."""


async def replay_letters(
    settings: SharedSettings, letters: AsyncGenerator[StoredLetter, None], max_hops: int, dry_run: bool
) -> ReplayCount:
    """Produce each letter's original key, value and headers to its original topic and partition.

    The partition number is kept, since a session's events must stay in one partition, whatever partitioner
    the shop's producer uses.

    Args:
        settings: where Kafka is.
        letters: what to send, in order.
        max_hops: how often a message may be replayed in all.
        dry_run: count, send nothing.

    Raises:
        Unavailable: Kafka does not answer, or the original topic or partition is gone.
    """
    count = ReplayCount()
    producer = AIOKafkaProducer(
        enable_idempotence=True,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        max_request_size=MAX_DEAD_LETTER_BYTES,
        **kafka_arguments(settings),
    )
    try:
        await producer.start()
        async with aclosing(letters):
            async for letter in letters:
                if letter.reason.hops >= max_hops:
                    count.spent += 1
                elif dry_run or await _send(producer, letter):
                    count.sent += 1
                else:
                    count.too_large += 1
    except KafkaError as error:
        away = isinstance(error, KafkaConnectionError)
        reason = kafka_unreachable(settings.kafka_bootstrap_servers) if away else str(error)
        before = f"; {count.sent} letters were sent before" if count.sent else ""
        raise Unavailable(f"{reason}{before}") from error
    finally:
        await producer.stop()
    return count


async def _send(producer: AIOKafkaProducer, letter: StoredLetter) -> bool:
    """Send one letter; False where it is too large for its topic."""
    reason, record = letter.reason, letter.record
    headers = [header for header in original_headers(record.headers) if header[0] != HOPS]
    if reason.partition not in await producer.partitions_for(reason.topic):
        raise Unavailable(
            f"{letter.origin}: topic {reason.topic} has no partition {reason.partition} any more"
        )
    try:
        await producer.send_and_wait(
            reason.topic,
            key=record.key,
            value=record.value or b"",  # the client takes no message without key and value
            partition=reason.partition,
            headers=[*headers, (HOPS, str(reason.hops + 1).encode())],
        )
    except (MessageSizeTooLargeError, RecordTooLargeError):
        return False
    return True
