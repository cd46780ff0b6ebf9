"""From Kafka records to a frame of events to learn from: the rules about what may be learned.

Left out, and counted: what is no event, events without consent, sessions that were erased anywhere in the
range, and repeats of an `event_id` in its session. Caller: `retrain.event_log`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import polars as pl
from aiokafka import ConsumerRecord

from models.session_rule import credible_time_ms
from retrain.repeated_events import without_repeats
from schemas.errors import InvalidEvent
from schemas.item_event import EraseSession, ItemEvent, decode_event
from schemas.topics import MAX_EVENT_BYTES

Record: TypeAlias = "ConsumerRecord[bytes | None, bytes | None]"
_CHUNK_ROWS = 50_000
_COLUMNS = ["session_id", "item_id", "event_type", "occurred_at_ms"]
_SCHEMA: dict[str, Any] = {
    "session_id": pl.String,
    "item_id": pl.String,
    "event_type": pl.String,
    "occurred_at_ms": pl.Int64,
    "event_id": pl.String,
    "place": pl.String,
    "offset": pl.Int64,
    "logged_at_ms": pl.Int64,
}


class _Row(NamedTuple):
    """A line of `_SCHEMA`."""

    session_id: str
    item_id: str
    event_type: str
    occurred_at_ms: int
    event_id: str | None
    place: str
    offset: int
    logged_at_ms: int


@dataclass(frozen=True, eq=False)
class RecordedEvents:
    """Events to learn from, and what was left out."""

    events: pl.DataFrame
    """Columns `session_id`, `item_id`, `event_type`, `occurred_at_ms`, in log order: each partition in its
    own order, the partitions merged by Kafka's timestamps."""
    invalid: int
    without_consent: int
    erased: int
    """Events of sessions that were erased."""
    repeats: int
    skewed: int
    """Not left out: events whose time cannot be right, so that their record's counts."""


class EventRecorder:
    """Takes records one by one, in offset order within each partition."""

    def __init__(self, event_type_map: Mapping[str, str], max_clock_skew_s: float) -> None:
        """Begin with nothing.

        Args:
            event_type_map: other names of event types.
            max_clock_skew_s: see `models.session_rule.credible_time_ms`.
        """
        self._event_type_map = event_type_map
        self._max_clock_skew_s = max_clock_skew_s
        self._skewed = 0
        self._chunks: list[pl.DataFrame] = []
        self._rows: list[_Row] = []
        self._erased: set[str] = set()
        self._left_out: Counter[str] = Counter()

    def add(self, record: Record) -> None:
        """Take one record, whatever is in it."""
        try:
            event = self._decoded(record)
        except InvalidEvent:
            self._left_out["invalid"] += 1
            return
        if isinstance(event, EraseSession):
            self._erased.add(event.session_id)
        elif not event.consent:
            self._left_out["without_consent"] += 1
        else:
            self._rows.append(self._row(event, record))
            if len(self._rows) == _CHUNK_ROWS:
                self._chunks.append(self._chunk())

    def recorded(self) -> RecordedEvents:
        """All that was taken, as one log."""
        everything = pl.concat([*self._chunks, self._chunk()])
        kept = everything.filter(~pl.col("session_id").is_in(list(self._erased)))
        once = without_repeats(kept)
        return RecordedEvents(
            events=_merged(once),
            invalid=self._left_out["invalid"],
            without_consent=self._left_out["without_consent"],
            erased=len(everything) - len(kept),
            repeats=len(kept) - len(once),
            skewed=self._skewed,
        )

    def _decoded(self, record: Record) -> ItemEvent | EraseSession:
        if record.value is not None and len(record.value) > MAX_EVENT_BYTES:
            raise InvalidEvent("$", f"the event has {len(record.value)} bytes")
        return decode_event(record.value, record.headers, self._event_type_map)

    def _row(self, event: ItemEvent, record: Record) -> _Row:
        time_ms = credible_time_ms(event.occurred_at_ms, record.timestamp, self._max_clock_skew_s)
        self._skewed += time_ms != event.occurred_at_ms
        return _Row(
            event.session_id,
            event.item_id,
            event.event_type,
            time_ms,
            event.event_id,
            f"{record.topic}-{record.partition}",
            record.offset,
            record.timestamp,
        )

    def _chunk(self) -> pl.DataFrame:
        rows, self._rows = self._rows, []
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _merged(events: pl.DataFrame) -> pl.DataFrame:
    """By the latest of Kafka's times so far in the partition: it never falls, so each keeps its order."""
    latest = pl.col("logged_at_ms").cum_max().over("place")
    return events.with_columns(logged_at_ms=latest).sort("logged_at_ms", "place", "offset").select(_COLUMNS)
