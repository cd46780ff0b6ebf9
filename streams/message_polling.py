"""Polling the event topics: many messages at once, or one by one to find the one that cannot be parsed.

Owns the fate of a poll's errors. Caller: `streams.event_source`, which seeks every partition anew after an
error: aiokafka
may have taken messages of other partitions out of its buffer by then, and dropped them.
"""

import contextlib
from collections.abc import Collection, Iterator

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InvalidSessionTimeoutError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)

from schemas.errors import Unavailable, UsageError
from schemas.kafka_refusals import lacks_permission
from streams.micro_batch import Record
from streams.unreadable_records import UnreadableRecord, unreadable_record, why_unreadable

log = structlog.get_logger("millrace.polling")
IDLE_POLL_MS = 200
CAREFUL_POLLS = 5000
"""For so many polls messages are read one by one after one that cannot be parsed: it lies within the next
batch."""


class PositionLost(Exception):
    """A partition's position lies outside of its log: the log was trimmed, cut off, or made anew."""


class MessagePolling:
    """The reading side of the worker's consumer."""

    def __init__(self, consumer: AIOKafkaConsumer, max_records: int) -> None:
        """Bind the consumer.

        Args:
            consumer: the group member's.
            max_records: messages in one poll at most.
        """
        self._consumer = consumer
        self._max_records = max_records
        self._careful_polls = 0

    async def poll(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, list[Record]]:
        """The next messages; empty after 200 ms without any. After an error, seek every partition.

        Args:
            partitions: those that were sought and are not paused.

        Raises:
            PositionLost: a position lies outside of its log.
            Unavailable: Kafka answers with an error that may pass.
            UnreadableRecord: a message cannot be parsed; the next polls find it.
            UsageError: Kafka refuses the group or a topic.
        """
        if self._careful_polls:
            return await self._poll_carefully(partitions)
        try:
            with sorted_errors():
                fetched: dict[TopicPartition, list[Record]] = await self._consumer.getmany(
                    timeout_ms=IDLE_POLL_MS, max_records=self._max_records
                )
        except UnreadableRecord as error:
            log.warning("a message cannot be parsed, reading one by one to find it", error=str(error))
            self._careful_polls = CAREFUL_POLLS
            raise
        return {partition: records for partition, records in fetched.items() if records}

    async def _poll_carefully(
        self, partitions: Collection[TopicPartition]
    ) -> dict[TopicPartition, list[Record]]:
        """One message of each partition; careful no longer once the one was found."""
        self._careful_polls -= 1
        fetched = {partition: await self._poll_one(partition) for partition in partitions}
        if any(why_unreadable(record) is not None for records in fetched.values() for record in records):
            self._careful_polls = 0
        return {partition: records for partition, records in fetched.items() if records}

    async def _poll_one(self, partition: TopicPartition) -> list[Record]:
        """The next message of a partition; in place of one that cannot be parsed, a record that says so."""
        try:
            with sorted_errors():
                found = await self._consumer.getmany(partition, timeout_ms=IDLE_POLL_MS, max_records=1)
        except UnreadableRecord as error:
            offset = await self._consumer.position(partition)
            self._consumer.seek(partition, offset + 1)
            return [unreadable_record(partition, offset, str(error))]
        records: list[Record] = found.get(partition, [])
        return records


@contextlib.contextmanager
def sorted_errors() -> Iterator[None]:
    """The errors of the consumer by their fate: `Unavailable`, `UsageError` or one of the messages'."""
    try:
        yield
    except (GroupAuthorizationFailedError, TopicAuthorizationFailedError) as error:
        kind = "group" if isinstance(error, GroupAuthorizationFailedError) else "topic"
        raise UsageError(lacks_permission("READ", kind, _named(error))) from error
    except InvalidSessionTimeoutError as error:
        raise UsageError(
            f"Kafka refuses the worker: {error!r}; set MILLRACE_SESSION_TIMEOUT_S between the broker's "
            "group.min.session.timeout.ms (6 s by default) and group.max.session.timeout.ms"
        ) from error
    except (OffsetOutOfRangeError, NoOffsetForPartitionError) as error:
        raise PositionLost(str(error)) from error
    except KafkaError as error:
        raise Unavailable(f"Kafka: {error!r}") from error
    except ValueError as error:  # aiokafka's parser: a header's name that is not UTF-8, for one
        raise UnreadableRecord(str(error)) from error


def _named(error: KafkaError) -> str:
    """The group or the topics that an error of aiokafka's is about."""
    about = error.args[0] if error.args else "?"
    return about if isinstance(about, str) else ", ".join(map(str, about))
