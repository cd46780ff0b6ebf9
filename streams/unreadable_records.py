"""Messages that the Kafka client cannot parse.

Each stands in the flow as a record that says so: an event becomes a dead letter, an item is counted.

Their bytes cannot be had; what is left is the position. Callers: the readers, `streams.message_polling` and
`streams.partition_reading`, and those who decode what they read.
"""

import time
from typing import Any, Protocol

from aiokafka import ConsumerRecord, TopicPartition

from streams.micro_batch import Record

_HEADER = "millrace.unreadable"


class ReadMessage(Protocol):
    """What a record of aiokafka and a message of Faust have in common."""

    @property
    def key(self) -> Any:
        """Its bytes, or None."""

    @property
    def value(self) -> Any:
        """Its bytes, or None."""

    @property
    def headers(self) -> Any:
        """Pairs of name and bytes."""


class UnreadableRecord(Exception):
    """The client's parser failed on a message."""


def unreadable_record(partition: TopicPartition, offset: int, reason: str) -> Record:
    """What takes the place of a message that cannot be parsed."""
    return ConsumerRecord(
        topic=partition.topic,
        partition=partition.partition,
        offset=offset,
        timestamp=int(time.time() * 1000),
        timestamp_type=0,
        key=None,
        value=None,
        checksum=None,
        serialized_key_size=-1,
        serialized_value_size=-1,
        headers=((_HEADER, reason.encode()),),
    )


def why_unreadable(message: ReadMessage) -> str | None:
    """Why a message could not be parsed; None for an ordinary one."""
    for name, reason in message.headers:
        if name == _HEADER and message.key is None and message.value is None:
            return reason.decode(errors="replace") if reason else ""
    return None
