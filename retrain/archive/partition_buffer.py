"""What was read of a partition and is not in the archive yet: segments, each to become one file.

Owns when a segment is full, and its day. The day is that of Kafka's time of the record (when the log took the
event), never falling within a partition: so a day is closed once the next has begun, and files are only ever
appended; by the events' own times late ones would change old days for ever. A time ahead of the archiver's
clock counts as now: one wrong clock must not put all that follows into a far day. Caller: `archiver`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from models.session_rule import EARLIEST_MS
from retrain.archive.archive_files import ArchiveFile, Partition
from retrain.archive.log_rows import LogRows, Record

_LATEST_MS = 253_402_300_799_000
"""Of the year 9999."""


@dataclass(frozen=True)
class Limits:
    """When a segment is written: whichever comes first."""

    rows: int
    bytes: int
    """About, of the rows in memory."""
    age_s: float
    """Since its first message."""
    total_bytes: int
    """Of all segments of a process; beyond it the largest one is written."""


@dataclass
class Segment:
    """Messages of one partition and one day, one after the other."""

    source: Partition
    first_offset: int
    next_offset: int
    day: str
    rows: LogRows
    begun_s: float = 0.0
    """When its first message came, by the archiver's monotonic clock."""

    @property
    def file(self) -> ArchiveFile:
        """What it is to be called."""
        return ArchiveFile(*self.source, self.first_offset, self.next_offset, self.day)


class PartitionBuffer:
    """The segments of one partition; only the last one grows."""

    def __init__(
        self,
        source: Partition,
        first_offset: int,
        day: str | None,
        max_rows: int,
        event_type_map: Mapping[str, str],
    ) -> None:
        """Begin behind what the archive has.

        Args:
            source: which partition.
            first_offset: the offset of the next message.
            day: of the partition's last file; None where there is none.
            max_rows: a segment has no more.
            event_type_map: other names of event types.
        """
        self._max_rows = max_rows
        self._event_type_map = event_type_map
        self._source = source
        self.segments: list[Segment] = []
        self.archived_offset = first_offset
        """All before it is in the archive."""
        self.next_offset = first_offset
        """All before it was read."""
        self._day = day or ""

    def add(self, record: Record, now_ms: int, now_s: float) -> None:
        """Take the next message.

        Args:
            record: its offset is at least `next_offset`.
            now_ms: the time, epoch milliseconds.
            now_s: the time by the monotonic clock.
        """
        assert record.offset >= self.next_offset, "messages come in order"
        self._day = max(self._day, _day(_credible_ms(record.timestamp, now_ms, bool(self._day))))
        if not self.segments or self._is_ended(self.segments[-1]):
            if self.segments:
                self.reach(record.offset)
            rows = LogRows(self._event_type_map)
            first = self.segments[-1].next_offset if self.segments else self.archived_offset
            self.segments.append(Segment(self._source, first, first, self._day, rows, begun_s=now_s))
        segment = self.segments[-1]
        segment.rows.add(record)
        self.reach(record.offset + 1)

    def _is_ended(self, segment: Segment) -> bool:
        return segment.day != self._day or len(segment.rows) >= self._max_rows

    def reach(self, offset: int) -> None:
        """All before the offset was read: behind the last message there may be marks of transactions."""
        self.next_offset = max(offset, self.next_offset)
        if self.segments:
            self.segments[-1].next_offset = self.next_offset

    def due(self, limits: Limits, now_s: float) -> list[Segment]:
        """The segments to be written now, the oldest first; the next one begins behind them."""
        return [
            one
            for one in self.segments
            if one is not self.segments[-1]
            or len(one.rows) >= limits.rows
            or one.rows.bytes >= limits.bytes
            or now_s - one.begun_s >= limits.age_s
        ]

    def written(self, segment: Segment) -> None:
        """A segment is in the archive."""
        self.segments.remove(segment)
        self.archived_offset = segment.next_offset

    @property
    def bytes(self) -> int:
        """About what its rows take in memory."""
        return sum(one.rows.bytes for one in self.segments)


def _credible_ms(logged_at_ms: int, now_ms: int, has_day: bool) -> int:
    """The time that decides the day; one before the web decides nothing, be it Kafka's or the archiver's."""
    if logged_at_ms < EARLIEST_MS:
        return 0 if has_day else now_ms
    return min(logged_at_ms, now_ms if now_ms >= EARLIEST_MS else _LATEST_MS)


def _day(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d}"
