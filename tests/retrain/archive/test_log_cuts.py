"""One log, wherever it is cut: from Kafka alone, from the archive alone, from both."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain.archive.archive_compaction import compact
from retrain.archive.archive_scrubbing import scrub
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.archived_log import NO_ARCHIVE, ArchivedLog
from retrain.archive.erasures import no_erasures
from retrain.event_recording import EventRecorder, RecordedEvents
from retrain.log_cut import KafkaSpan, cut_log
from schemas.errors import UsageError
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP
from schemas.release_manifest import LogRange
from tests.retrain.archive.archiver_runs import an_event
from tests.retrain.archive.written_archives import DAY_MS, NOON_MS, a_record, write_files, write_records

SESSIONS, USERS, IDS = ("s1", "s2", "s3"), ("u1", "u2"), ("e1", "e2", "e3")


def an_erase(session_id: str, user_id: str | None, whole_user: bool) -> bytes:
    return an_event(session_id, event_type="erase", user_id=user_id, whole_user=whole_user)


VALUES = st.one_of(
    st.builds(
        lambda session, item, event_id, user, consent, time_ms: an_event(
            session, item, event_id=event_id, user_id=user, consent=consent, occurred_at=time_ms
        ),
        st.sampled_from(SESSIONS),
        st.sampled_from("abc"),
        st.none() | st.sampled_from(IDS),
        st.none() | st.sampled_from(USERS),
        st.integers(0, 9).map(bool),
        st.integers(NOON_MS - DAY_MS, NOON_MS + 3 * DAY_MS) | st.just(1000),
    ),
    st.just(b"{"),
)
ERASES = st.builds(
    an_erase, st.sampled_from([*SESSIONS, "s9"]), st.none() | st.sampled_from(USERS), st.booleans()
)
MESSAGES = st.tuples(
    st.integers(0, 1),
    st.integers(1, 20).flatmap(lambda drawn: ERASES if drawn == 1 else VALUES),
    st.integers(NOON_MS - DAY_MS, NOON_MS + DAY_MS),
    st.integers(1, 3),  # offsets are not dense: marks of transactions lie between
)


class DrawnLog(NamedTuple):
    """Two partitions, each by offset."""

    partitions: list[list[ConsumerRecord]]

    def before(self, cuts: Sequence[float]) -> list[list[ConsumerRecord]]:
        """The part of each partition that is archived."""
        return [rows[: round(cut * len(rows))] for rows, cut in zip(self.partitions, cuts, strict=True)]

    def behind(self, cuts: Sequence[float]) -> list[ConsumerRecord]:
        """The rest."""
        pairs = zip(self.partitions, cuts, strict=True)
        return [record for rows, cut in pairs for record in rows[round(cut * len(rows)) :]]


def drawn_log(messages: list[tuple[int, bytes, int, int]]) -> DrawnLog:
    partitions: list[list[ConsumerRecord]] = [[], []]
    offsets = [0, 0]
    for partition, value, logged_at_ms, step in messages:
        partitions[partition].append(a_record(value, offsets[partition], partition, logged_at_ms))
        offsets[partition] += step
    return DrawnLog(partitions)


LOGS = st.lists(MESSAGES, max_size=40).map(drawn_log)
CUTS = st.tuples(st.floats(0, 1), st.floats(0, 1))


def archive_of(records: list[list[ConsumerRecord]], pieces: int, overlap: bool) -> ArchiveStore:
    """Each partition in so many files; with a zombie that has written across their borders."""
    store = ArchiveStore(f"memory://{uuid4().hex}")
    for rows in records:
        size = max(1, -(-len(rows) // pieces))
        for start in range(0, len(rows), size):
            behind = rows[start + size].offset if start + size < len(rows) else None
            write_records(store, rows[start : start + size], behind=behind)
        if overlap and len(rows) > 2:
            write_records(store, rows[1:-1])
    return store


def recorded(
    archived: ArchivedLog, records: list[ConsumerRecord], since_ms: int | None = None
) -> RecordedEvents:
    recorder = EventRecorder(DEFAULT_EVENT_TYPE_MAP, 3600, since_ms)
    for record in records:
        recorder.add(record)
    return recorder.recorded(archived)


def rows(events: RecordedEvents) -> list[tuple[Any, ...]]:
    return events.events.rows()


@settings(max_examples=150)
@given(LOGS, CUTS, st.integers(1, 4), st.booleans(), st.none() | st.just(NOON_MS))
def test_log_is_the_same_wherever_it_is_cut(
    log: DrawnLog, cuts: tuple[float, float], pieces: int, overlap: bool, since_ms: int | None
) -> None:
    from_kafka = recorded(NO_ARCHIVE, log.behind((0, 0)), since_ms)
    store = archive_of(log.before(cuts), pieces, overlap)
    cut = recorded(ArchivedLog(store), log.behind(cuts), since_ms)
    assert rows(cut) == rows(from_kafka)
    assert (cut.erased, cut.repeats, cut.skewed) == (from_kafka.erased, from_kafka.repeats, from_kafka.skewed)
    if not overlap and since_ms is None:
        assert (cut.invalid, cut.without_consent) == (from_kafka.invalid, from_kafka.without_consent)


@settings(max_examples=60)
@given(LOGS, CUTS, st.integers(1, 4), st.booleans())
def test_log_is_the_same_after_compaction_and_scrubbing(
    log: DrawnLog, cuts: tuple[float, float], pieces: int, overlap: bool
) -> None:
    store = archive_of(log.before(cuts), pieces, overlap)
    compact(store, 1000)
    scrub(store, no_erasures())
    cut = recorded(ArchivedLog(store), log.behind(cuts))
    assert rows(cut) == rows(recorded(NO_ARCHIVE, log.behind((0, 0))))


def ranges(
    archived: ArchivedLog, span: KafkaSpan, since_ms: int | None = None
) -> tuple[tuple[int, int], tuple[int, int], int]:
    (cut,) = cut_log(archived, {TopicPartition("events", 0): span}, since_ms)
    return (
        (cut.whole.first_offset, cut.whole.next_offset),
        (cut.from_kafka.first_offset, cut.from_kafka.next_offset),
        cut.lost,
    )


@pytest.fixture
def store() -> ArchiveStore:
    return ArchiveStore(f"memory://{uuid4().hex}")


def test_kafka_has_what_is_behind_the_archive(store: ArchiveStore) -> None:
    write_files(store, [(2, 5), (5, 9)])
    assert ranges(ArchivedLog(store), KafkaSpan(4, 4, 20)) == ((2, 20), (9, 20), 0)


def test_without_an_archive_kafka_has_all() -> None:
    assert ranges(NO_ARCHIVE, KafkaSpan(4, 4, 20)) == ((4, 20), (4, 20), 0)
    assert ranges(NO_ARCHIVE, KafkaSpan(4, 7, 20), NOON_MS) == ((7, 20), (7, 20), 0)


def test_archive_alone_is_enough_when_the_topic_is_empty(store: ArchiveStore) -> None:
    write_files(store, [(0, 9)])
    assert ranges(ArchivedLog(store), KafkaSpan(9, 9, 9)) == ((0, 9), (9, 9), 0)


def test_gap_between_archive_and_topic_is_counted_and_told(store: ArchiveStore) -> None:
    write_files(store, [(0, 5)])
    archived = ArchivedLog(store)
    assert ranges(archived, KafkaSpan(12, 12, 20)) == ((0, 20), (12, 20), 7)
    (cut,) = cut_log(archived, {TopicPartition("events", 0): KafkaSpan(12, 12, 20)}, None)
    assert cut.warning.startswith(
        "events[0]: 7 offsets before 12 are neither in the archive nor in the topic"
    )


def test_gap_in_the_archive_is_counted(store: ArchiveStore) -> None:
    write_files(store, [(0, 5), (8, 10)])
    assert ranges(ArchivedLog(store), KafkaSpan(0, 0, 20)) == ((0, 20), (10, 20), 3)


def test_gap_before_the_window_is_not_missed(store: ArchiveStore) -> None:
    write_files(store, [(0, 5)])
    assert ranges(ArchivedLog(store), KafkaSpan(12, 14, 20), NOON_MS + 1) == ((14, 20), (14, 20), 0)


def test_window_begins_at_the_first_row_that_the_log_took_in_it(store: ArchiveStore) -> None:
    write_records(store, [a_record(offset=at, logged_at_ms=NOON_MS + at) for at in range(9)])
    assert ranges(ArchivedLog(store), KafkaSpan(0, 4, 20), NOON_MS + 4) == ((4, 20), (9, 20), 0)


def test_topic_that_was_made_anew_is_refused(store: ArchiveStore) -> None:
    write_files(store, [(0, 9)])
    with pytest.raises(
        UsageError, match=r"events\[0\] ends at offset 3, its archive in .* at 9: .* made anew"
    ):
        ranges(ArchivedLog(store), KafkaSpan(0, 0, 3))


def test_whole_range_is_recorded(store: ArchiveStore) -> None:
    write_files(store, [(0, 9)])
    (cut,) = cut_log(ArchivedLog(store), {TopicPartition("events", 0): KafkaSpan(4, 4, 20)}, None)
    assert cut.whole == LogRange(topic="events", partition=0, first_offset=0, next_offset=20)
