"""Builders of Kafka records as the worker's consumer hands them out."""

import json
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from streams.micro_batch import Record

TOPIC = "events"
FIRST_EVENT_AT_MS = 1_700_000_000_000


def an_event(session_id: str = "s", item_id: str = "a", **fields: Any) -> bytes:
    """The JSON of a valid event."""
    defaults = {"event_type": "view", "occurred_at": FIRST_EVENT_AT_MS}
    return json.dumps({"session_id": session_id, "item_id": item_id, **defaults, **fields}).encode()


def a_record(
    value: bytes | None,
    offset: int = 0,
    *,
    key: bytes | None = b"s",
    partition: int = 0,
    topic: str = TOPIC,
    timestamp: int = FIRST_EVENT_AT_MS,
    headers: tuple[tuple[str, bytes], ...] = (),
) -> Record:
    """A record of the events topic."""
    return ConsumerRecord(
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp=timestamp,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=len(key or b""),
        serialized_value_size=len(value or b""),
        headers=headers,
    )


def event_record(session_id: str, item_id: str, offset: int, partition: int = 0, **fields: Any) -> Record:
    """A record of a valid event with the right key."""
    value = an_event(session_id, item_id, **fields)
    return a_record(value, offset, key=session_id.encode(), partition=partition)


def a_partition(number: int = 0, topic: str = TOPIC) -> TopicPartition:
    """A partition of the events topic."""
    return TopicPartition(topic, number)
