"""Messages that the Kafka client cannot parse.

Each stands in the flow as a record that says so, and becomes a dead letter.

Their bytes cannot be had; the dead letter has the position. Callers: `streams.group_member`,
`streams.event_decoding`.
"""

import time

from aiokafka import ConsumerRecord, TopicPartition

from streams.micro_batch import Record

_HEADER = "millrace.unreadable"


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


def why_unreadable(record: Record) -> str | None:
    """Why a message could not be parsed; None for an ordinary one."""
    for name, reason in record.headers:
        if name == _HEADER and record.key is None and record.value is None:
            return reason.decode(errors="replace") if reason else ""
    return None
