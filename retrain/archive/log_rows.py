"""From Kafka records to rows of the log: what is kept of an event, and what is only counted.

Owns the columns, in the archive and of a range that is read from Kafka, so that both are the same log.
Left out, and counted: what is no event, and events without consent. An erase event is a row: readers obey
it. Callers: `retrain.archive.partition_buffer` (the archiver), `retrain.event_recording` (a Kafka range).
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import pyarrow as pa
from aiokafka import ConsumerRecord

from schemas.errors import InvalidEvent
from schemas.item_event import ERASE, EraseSession, ItemEvent, decode_event
from schemas.topics import MAX_EVENT_BYTES

Record: TypeAlias = "ConsumerRecord[bytes | None, bytes | None]"
SCHEMA = pa.schema(
    [
        ("session_id", pa.string()),
        ("item_id", pa.string()),
        ("event_type", pa.string()),
        ("occurred_at_ms", pa.int64()),
        ("event_id", pa.string()),
        ("user_id", pa.string()),
        ("price", pa.float64()),
        ("quantity", pa.float64()),
        ("recommendation_id", pa.string()),
        ("position", pa.int64()),
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("logged_at_ms", pa.int64()),
    ]
)
"""`occurred_at_ms` is as the event gives it, `logged_at_ms` Kafka's time of the record. Rows of erase events
have the type `erase` or `erase-user`, and no item."""
ERASE_USER = "erase-user"
"""The type of the row of an erase event that is one of all those of a user."""
_TABLE_ROWS = 10_000
_ROW_BYTES = 100
_GREATEST = 2**63


class LogRows:
    """The rows of records that come one after the other."""

    def __init__(self, event_type_map: Mapping[str, str]) -> None:
        """Begin with nothing.

        Args:
            event_type_map: other names of event types.
        """
        self._event_type_map = event_type_map
        self._tables: list[pa.Table] = []
        self._rows: list[tuple[Any, ...]] = []
        self.bytes = 0
        """About what the rows take in memory."""
        self.invalid = 0
        self.without_consent = 0
        self.erasures = 0
        """How many rows are of erase events."""

    def __len__(self) -> int:
        return len(self._rows) + sum(len(table) for table in self._tables)

    def add(self, record: Record) -> None:
        """Take one record, whatever is in it."""
        try:
            event = self._decoded(record)
        except InvalidEvent:
            self.invalid += 1
            return
        if isinstance(event, EraseSession):
            self.erasures += 1
            self._rows.append(_erase_row(event, record))
        elif event.consent:
            self._rows.append(_row(event, record))
        else:
            self.without_consent += 1
            return
        self.bytes += len(record.value or b"") + _ROW_BYTES
        if len(self._rows) == _TABLE_ROWS:
            self._pack()

    def table(self) -> pa.Table:
        """All rows, columns as of `SCHEMA`, in the order in which their records came."""
        self._pack()
        return pa.concat_tables([SCHEMA.empty_table(), *self._tables])

    def _decoded(self, record: Record) -> ItemEvent | EraseSession:
        if record.value is not None and len(record.value) > MAX_EVENT_BYTES:
            raise InvalidEvent("$", f"the event has {len(record.value)} bytes")
        return decode_event(record.value, record.headers, self._event_type_map)

    def _pack(self) -> None:
        """Make columns of the rows: Python objects take ten times as much."""
        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
            self._tables.append(pa.table(arrays, schema=SCHEMA))
            self._rows = []


def _row(event: ItemEvent, record: Record) -> tuple[Any, ...]:
    position = event.position
    return (
        event.session_id,
        event.item_id,
        event.event_type,
        event.occurred_at_ms,
        event.event_id,
        event.user_id,
        event.price,
        event.quantity,
        event.recommendation_id,
        position if position is not None and -_GREATEST <= position < _GREATEST else None,
        *_place(record),
    )


def _erase_row(event: EraseSession, record: Record) -> tuple[Any, ...]:
    event_type = ERASE_USER if event.whole_user else ERASE
    ids = (event.session_id, None, event_type, event.occurred_at_ms, None, event.user_id)
    return (*ids, None, None, None, None, *_place(record))


def _place(record: Record) -> tuple[str, int, int, int]:
    return record.topic, record.partition, record.offset, record.timestamp
