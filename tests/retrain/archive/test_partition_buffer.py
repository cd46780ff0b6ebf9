"""Segments of a partition: when they are full, and which day they are of."""

from aiokafka import ConsumerRecord

from retrain.archive.partition_buffer import Limits, PartitionBuffer
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP
from tests.retrain.archive.written_archives import DAY_MS, NOON_MS, a_record

NEVER = Limits(rows=1000, bytes=10**9, age_s=1e9, total_bytes=10**9)
NOW_MS = NOON_MS + 100 * DAY_MS


def a_buffer(first_offset: int = 0, day: str | None = None, max_rows: int = 1000) -> PartitionBuffer:
    return PartitionBuffer(("events", 0), first_offset, day, max_rows, DEFAULT_EVENT_TYPE_MAP)


def filled(buffer: PartitionBuffer, *records: ConsumerRecord, now_s: float = 0) -> PartitionBuffer:
    for record in records:
        buffer.add(record, NOW_MS, now_s)
    return buffer


def days(*times_ms: int, day: str | None = None) -> list[tuple[str, int, int]]:
    """Day and offsets of each segment of records that Kafka took at these times."""
    records = [a_record(offset=at, logged_at_ms=time_ms) for at, time_ms in enumerate(times_ms)]
    return [
        (one.day, one.first_offset, one.next_offset) for one in filled(a_buffer(day=day), *records).segments
    ]


def test_each_day_has_files_of_its_own() -> None:
    assert days(NOON_MS, NOON_MS + 1, NOON_MS + DAY_MS) == [("2026-01-01", 0, 2), ("2026-01-02", 2, 3)]


def test_day_never_goes_back_when_a_clock_does() -> None:
    assert days(NOON_MS + DAY_MS, NOON_MS) == [("2026-01-02", 0, 2)]
    assert days(NOON_MS, day="2026-01-03") == [("2026-01-03", 0, 1)]


def test_time_ahead_of_the_archivers_clock_counts_as_now() -> None:
    assert days(NOW_MS + 1000 * DAY_MS, NOON_MS + 101 * DAY_MS) == [("2026-04-11", 0, 2)]


def test_archivers_clock_that_was_never_set_puts_nothing_into_1970() -> None:
    buffer = a_buffer()
    buffer.add(a_record(logged_at_ms=NOON_MS), now_ms=5000, now_s=0)
    assert buffer.segments[0].day == "2026-01-01"


def test_time_before_the_web_decides_no_day() -> None:
    assert days(1000, NOON_MS) == [("2026-04-11", 0, 2)]
    assert days(NOON_MS, 1000, -1) == [("2026-01-01", 0, 3)]


def test_segment_begins_where_the_archive_ends_and_covers_offsets_without_messages() -> None:
    buffer = filled(a_buffer(first_offset=5), a_record(offset=9), a_record(offset=12))
    buffer.reach(20)
    (segment,) = buffer.segments
    assert (segment.first_offset, segment.next_offset, buffer.next_offset) == (5, 20, 20)


def test_segments_follow_each_other_without_a_gap() -> None:
    buffer = filled(a_buffer(), *(a_record(offset=at) for at in (3, 7, 8)))
    filled(buffer, a_record(offset=20, logged_at_ms=NOON_MS + DAY_MS))
    assert [(one.first_offset, one.next_offset) for one in buffer.segments] == [(0, 20), (20, 21)]


def test_marks_behind_a_written_segment_are_covered_by_the_next() -> None:
    buffer = filled(a_buffer(), a_record(offset=0))
    (segment,) = buffer.segments
    buffer.written(segment)
    buffer.reach(4)
    filled(buffer, a_record(offset=6))
    assert [(one.first_offset, one.next_offset) for one in buffer.segments] == [(1, 7)]


def test_segment_has_no_more_rows_than_it_may() -> None:
    buffer = filled(a_buffer(max_rows=2), *(a_record(offset=at) for at in range(5)))
    assert [len(one.rows) for one in buffer.segments] == [2, 2, 1]
    assert buffer.due(NEVER, 0) == buffer.segments[:2]


def test_segment_is_due_by_rows_bytes_or_age() -> None:
    buffer = filled(a_buffer(), a_record(offset=0), a_record(offset=1), now_s=100)
    assert buffer.due(NEVER, 1000) == []
    assert buffer.due(Limits(2, 10**9, 1e9, 10**9), 100) == buffer.segments
    assert buffer.due(Limits(1000, 10, 1e9, 10**9), 100) == buffer.segments
    assert buffer.due(Limits(1000, 10**9, 5, 10**9), 105) == buffer.segments
    assert buffer.due(Limits(1000, 10**9, 5, 10**9), 104) == []


def test_messages_without_a_row_are_covered_all_the_same() -> None:
    buffer = filled(a_buffer(), a_record(b"{", 0), a_record(b"[]", 1))
    assert [(len(one.rows), one.rows.invalid, one.next_offset) for one in buffer.segments] == [(0, 2, 2)]
    (segment,) = buffer.segments
    buffer.written(segment)
    assert (buffer.segments, buffer.next_offset, buffer.bytes) == ([], 2, 0)
