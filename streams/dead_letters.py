"""Dead letters: a message that can never be processed, on its way to the dead-letter topic.

Callers: `streams.event_decoding` (invalid events), `streams.batch_processor` (bugs, isolated to one event).
"""

import time
import traceback
from dataclasses import dataclass

from aiokafka import TopicPartition

from schemas.dead_letter import DeadLetterReason, dead_letter_headers, read_hops
from schemas.errors import InvalidEvent
from streams.micro_batch import Record


@dataclass(frozen=True)
class DeadLetter:
    """The original message and why it failed."""

    record: Record
    reason: DeadLetterReason
    said: str
    """What the log says of it: without values of the event, which may name somebody."""

    @property
    def partition(self) -> TopicPartition:
        """Where the message came from."""
        return TopicPartition(self.record.topic, self.record.partition)

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """The headers of the dead letter."""
        return dead_letter_headers(self.reason, self.record.headers)


def dead_letter(record: Record, stage: str, error: Exception) -> DeadLetter:
    """Make a dead letter of a message; a bug's stack trace goes along, an invalid event's does not.

    Args:
        record: the message.
        stage: where it failed: `decode` or `recommend`.
        error: why.
    """
    stacktrace = "" if stage == "decode" else "".join(traceback.format_exception(error))
    reason = DeadLetterReason(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        failed_at_ms=int(time.time() * 1000),
        stage=stage,
        class_name=type(error).__name__,
        message=str(error),
        stacktrace=stacktrace,
        hops=read_hops(record.headers),
    )
    said = error.without_values if isinstance(error, InvalidEvent) else type(error).__name__
    return DeadLetter(record, reason, said)
