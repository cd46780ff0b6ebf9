"""Sessionizing: the session rule over a whole log equals the fold over its events."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from models.session_rule import starts_session
from models.vocabulary import Vocabulary
from retrain.training.sessionize import Sessions, build_vocabulary, sessionize
from schemas.ids import ItemId

Event = tuple[str, str, int | None]
ITEMS = Vocabulary([ItemId(item) for item in "abc"])


def a_log(*events: Event) -> pl.DataFrame:
    schema = {"session_id": pl.String, "item_id": pl.String, "occurred_at_ms": pl.Int64}
    return pl.DataFrame(list(events), schema=schema, orient="row").with_columns(event_type=pl.lit("view"))


def as_text(sessions: Sessions) -> list[str]:
    bounds = zip(sessions.offsets[:-1], sessions.offsets[1:], strict=True)
    return ["".join("abc"[row] for row in sessions.item_rows[start:end]) for start, end in bounds]


def test_events_keep_log_order_and_sessions_come_by_their_last_event() -> None:
    log = a_log(("1", "a", 1000), ("2", "b", 2000), ("2", "a", 2500), ("1", "c", 9000))
    assert as_text(sessionize(log, ITEMS, 0)) == ["ba", "ac"]


def test_types_of_events_stay_beside_their_items() -> None:
    log = a_log(("1", "a", 1000), ("2", "b", 2000), ("1", "x", 2500), ("1", "c", 9000))
    typed = log.with_columns(event_type=pl.Series(["view", "purchase", "cart", "cart"]))
    sessions = sessionize(typed, ITEMS, 0)
    assert as_text(sessions) == ["b", "ac"]
    assert sessions.event_types is not None
    assert sessions.event_types.tolist() == [2, 0, 1]


def test_events_of_one_type_have_no_types() -> None:
    assert sessionize(a_log(("1", "a", 1000), ("1", "b", 2000)), ITEMS, 0).event_types is None


def test_gap_starts_a_new_session_and_zero_means_never() -> None:
    log = a_log(("1", "a", 0), ("1", "b", 1_800_000), ("1", "c", 3_600_001))
    assert as_text(sessionize(log, ITEMS, 1800)) == ["ab", "c"]
    assert as_text(sessionize(log, ITEMS, 0)) == ["abc"]


def test_late_event_does_not_turn_the_clock_back() -> None:
    log = a_log(("1", "a", 10_000), ("1", "b", 1000), ("1", "c", 11_500))
    assert as_text(sessionize(log, ITEMS, 2)) == ["abc"]


def test_missing_times_are_never_a_gap_and_sessions_come_by_their_last_row() -> None:
    log = a_log(("1", "a", None), ("2", "b", None), ("2", "b", None), ("1", "c", None))
    assert as_text(sessionize(log, ITEMS, 1)) == ["bb", "ac"]


def test_event_without_time_between_two_with_a_gap_joins_the_first() -> None:
    log = a_log(("1", "a", 0), ("1", "b", None), ("1", "c", 9000))
    assert as_text(sessionize(log, ITEMS, 1)) == ["ab", "c"]


def test_unknown_items_make_no_step_and_a_session_of_them_is_none() -> None:
    log = a_log(("1", "a", 0), ("1", "?", 1), ("1", "b", 2), ("2", "?", 3))
    assert as_text(sessionize(log, ITEMS, 0)) == ["ab"]


def test_empty_log_has_no_sessions() -> None:
    sessions = sessionize(a_log(), ITEMS, 1800)
    assert len(sessions) == 0
    assert sessions.item_rows.dtype == np.int32


def test_vocabulary_is_by_popularity_then_first_appearance() -> None:
    log = a_log(("1", "x", 0), ("1", "y", 0), ("1", "z", 0), ("1", "z", 0))
    assert build_vocabulary(log).item_ids == ("z", "x", "y")
    assert build_vocabulary(log, min_item_support=2).item_ids == ("z",)


@given(
    st.lists(
        st.tuples(st.sampled_from("12"), st.sampled_from("abc?"), st.none() | st.integers(0, 6000)),
        max_size=20,
    )
)
def test_sessionizing_equals_the_fold_of_the_rule_over_the_events(events: list[Event]) -> None:
    folded: list[str] = []
    current: dict[str, int] = {}
    latest: dict[str, int] = {}
    for session_id, item_id, time_ms in events:
        last = latest.get(session_id)
        gap = last is not None and time_ms is not None and starts_session(last, time_ms, 2)
        if session_id not in current or gap:
            current[session_id] = len(folded)
            folded.append("")
        folded[current[session_id]] += item_id.replace("?", "")
        if time_ms is not None:
            latest[session_id] = time_ms if last is None else max(last, time_ms)
    assert sorted(as_text(sessionize(a_log(*events), ITEMS, 2))) == sorted(filter(None, folded))
