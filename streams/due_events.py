"""Which events and dead letters of a batch are due, and which were dealt with before or are not this batch's.

Buckets are saved one after the other, so where a worker died between two of them, or some were lost, some
watermarks of a partition stand ahead of where a batch begins. Caller: `streams.batch_chain`.
"""

from collections.abc import Collection, Mapping

from aiokafka import TopicPartition

from schemas.redis_keys import bucket_of
from streams.dead_letters import DeadLetter
from streams.event_decoding import DecodedEvent
from streams.micro_batch import Record, Watermarks, highest


def due_events(
    events: list[DecodedEvent],
    begin: Mapping[TopicPartition, Watermarks],
    records: Mapping[TopicPartition, list[Record]],
    refused: Collection[TopicPartition],
    buckets: int,
) -> list[DecodedEvent]:
    """The events that are to be applied: not those of refused partitions.

    Nor those below the watermark of their bucket where it is ahead of where the batch begins: they were
    applied by a save that other buckets missed.

    Args:
        events: of the batch.
        begin: the watermarks at which it begins.
        records: of the batch.
        refused: partitions of which nothing may be done.
        buckets: into how many sessions are hashed.
    """
    first = {one: found[0].offset for one, found in records.items()}
    ahead = {
        one: marks
        for one, marks in begin.items()
        if one in first and any(mark is not None and mark > first[one] for mark in marks)
    }
    if not ahead and not refused:
        return events
    return [
        one
        for one in events
        if one.partition not in refused
        and (one.partition not in ahead or _is_due(one, ahead[one.partition], buckets))
    ]


def due_letters(
    letters: list[DeadLetter],
    begin: Mapping[TopicPartition, Watermarks],
    refused: Collection[TopicPartition],
) -> list[DeadLetter]:
    """The dead letters that are to be sent: not those of refused partitions.

    Nor those below any bucket's watermark: what is saved was emitted, and all before it. Arguments as above.
    """
    sent = {one: highest(marks) or 0 for one, marks in begin.items()}
    return [
        one for one in letters if one.partition not in refused and one.record.offset >= sent[one.partition]
    ]


def _is_due(event: DecodedEvent, marks: Watermarks, buckets: int) -> bool:
    mark = marks[bucket_of(event.session_id, buckets)]
    return mark is None or event.record.offset >= mark
