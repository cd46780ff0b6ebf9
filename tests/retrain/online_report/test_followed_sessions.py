"""Lists and events of two topics, joined and compared: what counts, what is missing, what is named."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest
from aiokafka import ConsumerRecord

from retrain.evaluation.bootstrap import Bootstrap
from retrain.log_reading import Record
from retrain.online_report.followed_sessions import Followed, Rules, follow
from retrain.online_report.logged_lists import LoggedLists
from retrain.online_report.online_figures import comparisons_of, group_rows, named_rows, release_rows
from retrain.online_report.topic_ranges import in_log_order
from schemas.ids import EventId, ItemId, ReleaseId, SessionId
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP
from schemas.recommendation_list import RecommendationList, ScoredItem, Source, encode_recommendation_list
from schemas.topics import MAX_EVENT_BYTES

FIRST_AT_MS = 1_767_225_600_000


def a_record(value: bytes | None, offset: int, topic: str = "events") -> Record:
    return ConsumerRecord(topic, 0, offset, FIRST_AT_MS + offset, 0, b"s", value, None, 0, 0, ())


def event(offset: int, item_id: str = "a", **fields: object) -> Record:
    made = {"session_id": "s", "item_id": item_id, "event_type": "view", "occurred_at": FIRST_AT_MS}
    return a_record(msgspec.json.encode({**made, **fields}), offset)


def a_list(offset: int, *item_ids: str, release_id: str = "r1", repeat_of: str | None = None) -> Record:
    source, now = Source("events", 0, offset), datetime(2026, 1, 1, tzinfo=UTC)
    made = RecommendationList(
        recommendation_id=source.recommendation_id,
        source=source,
        session_id=SessionId("s"),
        release_id=ReleaseId(release_id),
        strategy="gru4rec",
        items=[ScoredItem(ItemId(one), 1.0) for one in item_ids],
        occurred_at=now,
        produced_at=now,
        repeat_of=None if repeat_of is None else EventId(repeat_of),
    )
    return a_record(encode_recommendation_list(made), offset, "recommendations")


def followed(
    events: Sequence[Record],
    lists: Sequence[Record],
    latest_only: bool = False,
    since_ms: int = 0,
    gap_s: float = 1800.0,
) -> tuple[Followed, LoggedLists]:
    read = LoggedLists()
    for record in lists:
        read.take(record)
    rules = Rules(
        event_type_map=DEFAULT_EVENT_TYPE_MAP,
        max_clock_skew_s=3600,
        attribution_window_s=1800,
        gap_s=lambda _release_id: gap_s,
        latest_only=latest_only,
        since_ms=since_ms,
    )
    return follow(events, read, rules), read


def ranks(found: Followed) -> list[int]:
    return [int(rank) for rank in comparisons_of(found).ranks]


def test_event_is_compared_with_the_list_that_answers_the_event_before_it() -> None:
    found, _ = followed(
        [event(0), event(1, "c"), event(2, "x")], [a_list(0, "b", "c"), a_list(1, "x"), a_list(2)]
    )
    assert ranks(found) == [2, 1]
    assert found.counts == {"events": 3}


def test_event_whose_list_is_gone_leaves_the_next_one_uncompared() -> None:
    found, _ = followed([event(0), event(1, "b"), event(2, "b")], [a_list(0, "b")])
    assert ranks(found) == [1]
    assert found.counts["without_list"] == 2


def test_where_only_latest_lists_are_emitted_an_event_without_one_leaves_the_list_before_it() -> None:
    found, _ = followed([event(0), event(1, "c"), event(2, "b")], [a_list(0, "b")], latest_only=True)
    assert ranks(found) == [0, 1]
    assert found.counts["without_list"] == 0


def test_events_before_the_range_are_followed_and_not_counted() -> None:
    events = [event(0), event(1, "b"), event(2, "c"), a_record(b"?", 3)]
    found, _ = followed(events, [a_list(0, "b"), a_list(1, "c")], since_ms=FIRST_AT_MS + 2)
    assert ranks(found) == [1]
    assert found.counts == {"events": 2, "invalid": 1, "without_list": 1}


def test_repeats_erasures_and_events_without_consent_are_counted_and_not_compared() -> None:
    events = [
        event(0, event_id="e"),
        event(1, event_id="e"),
        event(2, "c", consent=False),
        event(3, "b"),
        event(4, event_type="erase"),
        event(5, "b"),
    ]
    lists = [a_list(0, "b"), a_list(1, "x", repeat_of="e"), a_list(2, "y"), a_list(3, "b"), a_list(5)]
    found, _ = followed(events, lists)
    assert ranks(found) == [1]
    assert found.counts == {"events": 6, "repeats": 1, "without_consent": 1, "erasures": 1}


def test_session_begins_anew_after_the_gap_of_the_release() -> None:
    later = event(1, "b", occurred_at=FIRST_AT_MS + 60_001)
    assert ranks(followed([event(0), later], [a_list(0, "b"), a_list(1)])[0]) == [1]
    assert ranks(followed([event(0), later], [a_list(0, "b"), a_list(1)], gap_s=60)[0]) == []


def test_event_time_that_cannot_be_right_counts_as_its_records() -> None:
    seconds_for_milliseconds = event(1, "b", occurred_at=FIRST_AT_MS // 1000)
    found, _ = followed([event(0), seconds_for_milliseconds], [a_list(0, "b"), a_list(1)])
    assert ranks(found) == [1]


def test_list_that_was_emitted_twice_counts_as_it_was_emitted_last() -> None:
    lists = [a_list(0, "x", release_id="r1"), a_list(0, "b", release_id="r2"), a_list(1)]
    found, _ = followed([event(0), event(1, "b")], lists)
    (row,) = group_rows(comparisons_of(found), Bootstrap(100))
    assert (row.release_id, row.n, row.sums.hits["1"]) == ("r2", 1, 1)


@pytest.mark.parametrize("value", [b"", b"{}", b"x" * (MAX_EVENT_BYTES + 1)])
def test_message_that_is_no_event_is_counted(value: bytes) -> None:
    found, _ = followed([a_record(value, 0)], [])
    assert found.counts == {"events": 1, "invalid": 1}


def test_tombstones_are_passed_over_and_what_is_no_list_is_counted() -> None:
    read = LoggedLists()
    for record in (a_record(None, 0), a_record(b"[]", 1), a_list(2, "b")):
        read.take(record)
    assert (list(read.by_id), read.unreadable) == (["events-0-2"], 1)


def test_list_that_an_event_names_is_found_wherever_it_lies_in_the_range() -> None:
    events = [
        event(0),
        event(1),
        event(2, "c", event_type="purchase", recommendation_id="events-0-0", position=4),
        event(3, "x", event_type="cart", recommendation_id="events-0-2", position=1),
        event(4, "c", event_type="cart", recommendation_id="events-0-99"),
    ]
    lists = [a_list(0, "b", "c"), a_list(1, "c"), a_list(2, "d", release_id="r2"), a_list(3), a_list(4)]
    found, read = followed(events, lists)
    rows, unknown = named_rows(found, read)
    assert unknown == 1
    assert [(row.release_id, row.event_type, row.n, row.last, row.in_list) for row in rows] == [
        ("r1", "purchase", 1, 0, 1),
        ("r2", "cart", 1, 1, 0),
    ]
    assert (rows[0].mean_reciprocal_rank, rows[0].mean_reciprocal_position) == (0.5, 0.25)
    assert (rows[1].mean_reciprocal_rank, rows[1].with_position) == (0, 1)


def test_named_lists_of_events_before_the_range_are_left_out() -> None:
    events = [event(0, recommendation_id="events-0-0"), event(1, "b")]
    found, read = followed(events, [a_list(0, "b"), a_list(1)], since_ms=FIRST_AT_MS + 1)
    assert named_rows(found, read) == ([], 0)


def test_rows_of_a_release_are_the_sums_of_its_groups() -> None:
    events = [event(0), event(1, "b"), event(2, "x", event_type="cart"), event(3, "x", session_id="t")]
    lists = [a_list(0, "a", "b"), a_list(1, "c"), a_list(2, release_id="r2"), a_list(3)]
    comparisons = comparisons_of(followed(events, lists)[0])
    groups, (release,) = group_rows(comparisons, Bootstrap(100)), release_rows(comparisons, Bootstrap(100))
    assert [(row.event_type, row.n) for row in groups] == [("cart", 1), ("view", 1)]
    assert (release.n, release.sessions, release.strategy) == (2, 1, None)
    assert release.metrics["hit_rate"] == {"1": 0, "5": 0.5, "10": 0.5, "20": 0.5}
    assert release.metrics["mrr"]["20"] == 0.25
    assert release.sums.reciprocal_ranks["20"] == 0.5
    assert release.intervals["mrr"]["20"] == (0.25, 0.25)


def test_groups_and_releases_without_a_comparison_in_the_range_have_no_row() -> None:
    events = [event(0), event(1, "b"), event(2, "c")]
    lists = [a_list(0, "b", release_id="r1"), a_list(1, "c", release_id="r2"), a_list(2)]
    comparisons = comparisons_of(followed(events, lists, since_ms=FIRST_AT_MS + 2)[0])
    rows = [*group_rows(comparisons, Bootstrap(100)), *release_rows(comparisons, Bootstrap(100))]
    assert [row.release_id for row in rows] == ["r2", "r2"]


def test_partitions_are_merged_by_time_and_each_keeps_its_order() -> None:
    first = [a_record(b"a", 0), a_record(b"c", 5), a_record(b"d", 3)]
    second = [a_record(b"b", 4), a_record(b"e", 6)]
    assert [record.value for record in in_log_order([first, second])] == [b"a", b"b", b"c", b"d", b"e"]
