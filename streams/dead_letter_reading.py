"""Reading the dead-letter topic from its beginning to its present end.

Without a group: nothing is marked as read.

Caller: `millrace dead-letters`. Writer of the topic: `streams.emitter`.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError, KafkaError

from schemas.connections import kafka_arguments
from schemas.dead_letter import DeadLetterReason, read_reason
from schemas.errors import Unavailable
from schemas.kafka_refusals import kafka_unreachable
from schemas.settings import SharedSettings
from streams.micro_batch import Record

_FETCH_WAIT_MS = 200  # the embedded broker holds every empty fetch for so long
_REQUEST_TIMEOUT_MS = 10_000
_POLL_MS = 1000


@dataclass(frozen=True)
class StoredLetter:
    """A message of the dead-letter topic and the reason in its headers."""

    record: Record
    reason: DeadLetterReason

    @property
    def origin(self) -> str:
        """Where the message was when it failed, as `topic[partition]@offset`."""
        return f"{self.reason.topic}[{self.reason.partition}]@{self.reason.offset}"


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


async def read_letters(settings: SharedSettings, wanted: LetterFilter) -> AsyncGenerator[StoredLetter, None]:
    """The dead letters that are meant, in log order; messages of others on the topic are passed over.

    Raises:
        Unavailable: Kafka does not answer, or there is no such topic.
    """
    consumer = AIOKafkaConsumer(
        settings.dead_letter_topic,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        **kafka_arguments(settings),
    )
    try:
        async for record in _records(consumer):
            reason = read_reason(record.headers)
            if reason is not None and wanted.admits(reason):
                yield StoredLetter(record, reason)
    except KafkaConnectionError as error:
        raise Unavailable(kafka_unreachable(settings.kafka_bootstrap_servers)) from error
    except KafkaError as error:
        raise Unavailable(
            f"topic {settings.dead_letter_topic}: {error}; is Kafka up, and were the topics created?"
        ) from error
    finally:
        await consumer.stop()


async def _records(consumer: AIOKafkaConsumer) -> AsyncGenerator[Record, None]:
    await consumer.start()
    ends = await consumer.end_offsets(consumer.assignment())
    while behind := [
        partition for partition, end in ends.items() if await consumer.position(partition) < end
    ]:
        for messages in (await consumer.getmany(*behind, timeout_ms=_POLL_MS)).values():
            for message in messages:
                yield message
