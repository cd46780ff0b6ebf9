"""From Kafka records to events: each is either an event or a dead letter, never nothing.

Caller: `streams.batch_processor`.
"""

import heapq
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import NamedTuple

import structlog
from aiokafka import TopicPartition
from msgspec import structs

from models.recommender import SessionEvent
from models.session_rule import credible_time_ms
from schemas.errors import InvalidEvent
from schemas.ids import SessionId
from schemas.item_event import ERASE, EraseSession, ItemEvent, decode_event
from schemas.topics import MAX_EVENT_BYTES
from streams.dead_letters import DeadLetter, dead_letter
from streams.metrics import WorkerMetrics
from streams.micro_batch import Record
from streams.unreadable_records import why_unreadable

log = structlog.get_logger("millrace.events")


class DecodedEvent(NamedTuple):
    """A valid event, and where it came from."""

    record: Record
    event: ItemEvent | EraseSession
    partition: TopicPartition

    @property
    def session_id(self) -> SessionId:
        """Whose it is."""
        return self.event.session_id

    @property
    def event_type(self) -> str:
        """`view`, `cart`, `purchase` or `erase`."""
        return self.event.event_type if isinstance(self.event, ItemEvent) else ERASE

    @property
    def session_event(self) -> SessionEvent:
        """What the recommender sees of it."""
        return SessionEvent(self.event, self.record.partition)


class EventDecoder:
    """The decoding of a worker's batches under its settings."""

    def __init__(
        self,
        event_type_map: Mapping[str, str],
        require_key: bool,
        max_clock_skew_s: float,
        metrics: WorkerMetrics,
    ) -> None:
        """Bind the settings.

        Args:
            event_type_map: other names of event types.
            require_key: whether an event whose key is not its session_id is a dead letter.
            max_clock_skew_s: see `models.session_rule.credible_time_ms`.
            metrics: counts events under another key, and with another time than their own.
        """
        self._event_type_map = event_type_map
        self._require_key = require_key
        self._max_clock_skew_s = max_clock_skew_s
        self._metrics = metrics
        self._warned = False

    def decode(
        self, records: Mapping[TopicPartition, list[Record]]
    ) -> tuple[list[DecodedEvent], list[DeadLetter]]:
        """Decode a batch.

        The events in log order per partition (by time between topics), and the dead letters.
        """
        events: list[DecodedEvent] = []
        letters: list[DeadLetter] = []
        for partition, record in _in_order(records):
            try:
                events.append(DecodedEvent(record, self._decode(record), partition))
            except InvalidEvent as error:
                letters.append(dead_letter(record, "decode", error))
        return events, letters

    def _decode(self, record: Record) -> ItemEvent | EraseSession:
        if (reason := why_unreadable(record)) is not None:
            raise InvalidEvent("$", f"the Kafka client cannot read the message: {reason}")
        if record.value is not None and len(record.value) > MAX_EVENT_BYTES:
            raise InvalidEvent(
                "$", f"the event has {len(record.value)} bytes; at most {MAX_EVENT_BYTES} are processed"
            )
        event = decode_event(record.value, record.headers, self._event_type_map)
        if record.key != event.session_id.encode():
            self._wrong_key(record, event.session_id)
        time_ms = credible_time_ms(event.occurred_at_ms, record.timestamp, self._max_clock_skew_s)
        if time_ms != event.occurred_at_ms:
            self._metrics.skewed.inc()
            return structs.replace(event, occurred_at_ms=time_ms)
        return event

    def _wrong_key(self, record: Record, session_id: SessionId) -> None:
        if self._require_key:
            raise InvalidEvent(
                "$.session_id", "the key is {}, not the session_id {}", (record.key or b"")[:64], session_id
            )
        self._metrics.unkeyed.inc()
        if not self._warned:
            self._warned = True
            log.warning(
                "an event's key is not its session_id: the order within its session is not certain; "
                "further ones are only counted",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
            )


def _in_order(
    records: Mapping[TopicPartition, list[Record]],
) -> Iterable[tuple[TopicPartition, Record]]:
    """All records.

    Several topics are merged by Kafka's timestamp, which keeps the order within each partition.
    """
    rows = [[(partition, record) for record in found] for partition, found in records.items()]
    if len({partition.topic for partition in records}) > 1:
        return heapq.merge(*rows, key=lambda one: one[1].timestamp)
    return chain.from_iterable(rows)
