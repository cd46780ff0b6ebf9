"""What of the event log may be learned, and in which order it is."""

import msgspec
import polars as pl
from aiokafka import ConsumerRecord

from retrain.event_recording import EventRecorder, RecordedEvents
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP
from schemas.topics import MAX_EVENT_BYTES


def an_event(session_id: str = "s", item_id: str = "a", **fields: object) -> bytes:
    event = {"session_id": session_id, "item_id": item_id, "event_type": "view", "occurred_at": 1000}
    return msgspec.json.encode({**event, **fields})


def a_record(
    value: bytes | None, offset: int = 0, partition: int = 0, logged_at_ms: int = 0, topic: str = "events"
) -> ConsumerRecord:
    return ConsumerRecord(topic, partition, offset, logged_at_ms, 0, b"s", value, None, 0, 0, ())


def recorded(*records: ConsumerRecord) -> RecordedEvents:
    recorder = EventRecorder(DEFAULT_EVENT_TYPE_MAP, max_clock_skew_s=3600)
    for record in records:
        recorder.add(record)
    return recorder.recorded()


def items(events: pl.DataFrame) -> list[str]:
    return events["item_id"].to_list()


def test_events_have_the_columns_of_an_event_file() -> None:
    events = recorded(a_record(an_event("s1", "a", event_type="orders", occurred_at=7))).events
    assert events.rows(named=True) == [
        {"session_id": "s1", "item_id": "a", "event_type": "purchase", "occurred_at_ms": 7}
    ]


def test_nothing_recorded_is_a_frame_without_rows() -> None:
    assert recorded().events.columns == ["session_id", "item_id", "event_type", "occurred_at_ms"]


def test_what_is_no_event_is_counted() -> None:
    values = [b"{", None, b"\xff", an_event(event_type="dance"), b" " * (MAX_EVENT_BYTES + 1)]
    outcome = recorded(*(a_record(value, at) for at, value in enumerate(values)), a_record(an_event(), 9))
    assert (outcome.invalid, len(outcome.events)) == (5, 1)


def test_events_without_consent_are_left_out() -> None:
    outcome = recorded(a_record(an_event(item_id="a", consent=False)), a_record(an_event(item_id="b"), 1))
    assert (outcome.without_consent, items(outcome.events)) == (1, ["b"])


def test_erased_session_is_left_out_whole() -> None:
    erase = msgspec.json.encode({"session_id": "s1", "event_type": "erase", "occurred_at": 5})
    outcome = recorded(
        a_record(an_event("s1"), 0),
        a_record(an_event("s2"), 1),
        a_record(erase, 2, partition=1),
        a_record(an_event("s1"), 3),
    )
    assert outcome.events["session_id"].to_list() == ["s2"]
    assert outcome.erased == 2


def test_repeated_event_id_counts_once_in_its_session() -> None:
    outcome = recorded(
        a_record(an_event("s1", "a", event_id="1"), 0),
        a_record(an_event("s1", "b", event_id="1"), 1),
        a_record(an_event("s2", "c", event_id="1"), 2),
        a_record(an_event("s1", "d"), 3),
        a_record(an_event("s1", "d"), 4),
    )
    assert (outcome.repeats, items(outcome.events)) == (1, ["a", "c", "d", "d"])


def test_event_id_that_comes_again_after_fifty_others_counts_again_as_it_does_online() -> None:
    ids = [*map(str, range(51)), "50", "0"]
    outcome = recorded(*(a_record(an_event(event_id=one), at) for at, one in enumerate(ids)))
    assert (outcome.repeats, len(outcome.events)) == (1, 52)


def test_time_that_cannot_be_right_counts_as_the_records_as_it_does_online() -> None:
    logged_at_ms = 1_767_225_600_000
    times = [logged_at_ms - 5, logged_at_ms // 1000, logged_at_ms + 3_600_001]
    outcome = recorded(
        *(a_record(an_event(occurred_at=one), at, 0, logged_at_ms) for at, one in enumerate(times))
    )
    assert outcome.events["occurred_at_ms"].to_list() == [logged_at_ms - 5, logged_at_ms, logged_at_ms]
    assert outcome.skewed == 2


def test_partitions_are_merged_by_kafkas_time_and_keep_their_own_order() -> None:
    outcome = recorded(
        a_record(an_event(item_id="a"), 0, 0, logged_at_ms=10),
        a_record(an_event(item_id="c"), 1, 0, logged_at_ms=30),
        a_record(an_event(item_id="d"), 2, 0, logged_at_ms=5),  # a clock went back
        a_record(an_event(item_id="b"), 0, 1, logged_at_ms=20),
        a_record(an_event(item_id="e"), 0, 0, logged_at_ms=40, topic="more"),
    )
    assert items(outcome.events) == ["a", "b", "c", "d", "e"]
