"""Session rule v1: one event at a time online, whole columns offline, the same sessions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.session_rule import (
    EARLIEST_MS,
    EVENT_TYPE_CODES,
    append_event,
    credible_time_ms,
    is_repeat,
    items_of_types,
    repeats_in_log,
    starts_session,
)
from schemas.ids import EventId, ItemId, SessionId
from schemas.item_event import EventType, ItemEvent
from schemas.last_list import HEADER_BYTES, ITEM_BYTES, MAX_LISTED
from schemas.session_state import MAX_ITEMS, SessionState, encode_session_state, hash_event_id

GAP_S = 1800.0
T0 = 1_767_225_600_000


def an_event(
    item_id: str = "a",
    at_s: float = 0,
    event_type: EventType = "view",
    event_id: str | None = None,
) -> ItemEvent:
    return ItemEvent(
        session_id=SessionId("s"),
        item_id=ItemId(item_id),
        event_type=event_type,
        occurred_at_ms=T0 + int(at_s * 1000),
        event_id=None if event_id is None else EventId(event_id),
    )


def fold(*events: ItemEvent, session_gap_s: float = GAP_S, state: SessionState | None = None) -> SessionState:
    state = state or SessionState()
    for event in events:
        state = append_event(state, event, partition=3, session_gap_s=session_gap_s)
    return state


def test_codes_are_the_contract_of_states_and_encoders() -> None:
    assert EVENT_TYPE_CODES == {"view": 0, "cart": 1, "purchase": 2}


def test_first_event_makes_a_session_of_one() -> None:
    assert fold(an_event("a", event_type="cart", event_id="e1")) == SessionState(
        item_ids=(ItemId("a"),),
        event_types=bytes([1]),
        times_s=(T0 // 1000).to_bytes(4, "little"),
        event_hashes=hash_event_id(EventId("e1")),
        last_event_at_ms=T0,
        home_partition=3,
    )


def test_events_count_in_log_order_and_repeats_of_an_item_are_kept() -> None:
    state = fold(an_event("a"), an_event("b", at_s=9), an_event("b", at_s=5), an_event("a", at_s=7))
    assert state.item_ids == ("a", "b", "b", "a")
    assert state.last_event_at_ms == T0 + 9_000


def test_gap_longer_than_the_limit_starts_anew() -> None:
    assert fold(an_event("a"), an_event("b", at_s=1800)).item_ids == ("a", "b")
    fresh = fold(an_event("a", event_id="e1"), an_event("b", at_s=1800.001))
    assert fresh.item_ids == ("b",)
    assert (fresh.event_types, len(fresh.times_s), fresh.encoder_state) == (bytes([0]), 4, b"")
    assert fresh.event_hashes == hash_event_id(EventId("e1"))


def test_gap_is_counted_from_the_latest_time_not_from_the_last_event() -> None:
    late = an_event("c", at_s=-3600)
    assert fold(an_event("a"), late, an_event("b", at_s=1000)).item_ids == ("a", "c", "b")


def test_zero_gap_never_starts_anew() -> None:
    assert fold(an_event("a"), an_event("b", at_s=1e9), session_gap_s=0).item_ids == ("a", "b")


def test_encoder_state_is_kept_within_a_session_and_dropped_with_it() -> None:
    before = SessionState(
        item_ids=(ItemId("a"),), event_types=b"\0", times_s=bytes(4), encoder_state=b"hh", last_event_at_ms=T0
    )
    assert fold(an_event("b", at_s=1), state=before).encoder_state == b"hh"
    assert fold(an_event("b", at_s=9999), state=before).encoder_state == b""


def test_session_keeps_its_last_fifty() -> None:
    events = [an_event(f"i{at}", at_s=at, event_id=f"e{at}") for at in range(MAX_ITEMS + 5)]
    state = fold(*events)
    assert state.item_ids == tuple(f"i{at}" for at in range(5, MAX_ITEMS + 5))
    assert (len(state.event_types), len(state.times_s)) == (MAX_ITEMS, 4 * MAX_ITEMS)
    assert [is_repeat(state, EventId(f"e{at}")) for at in (4, 5, MAX_ITEMS + 4)] == [False, True, True]


def test_event_without_an_id_is_never_a_repeat() -> None:
    state = fold(an_event("a", event_id="e1"), an_event("b"))
    assert not is_repeat(state, None)
    assert is_repeat(state, EventId("e1"))
    assert not is_repeat(state, EventId("e2"))
    assert not is_repeat(SessionState(), EventId("e1"))


def test_hashes_are_compared_whole() -> None:
    wanted = hash_event_id(EventId("e1"))
    shifted = SessionState(event_hashes=b"\1\2\3" + wanted + bytes(5))
    assert not is_repeat(shifted, EventId("e1"))


def test_items_of_types() -> None:
    state = fold(
        an_event("a", event_type="purchase"), an_event("b"), an_event("c", event_type="cart"), an_event("a")
    )
    assert items_of_types(state, frozenset({2})) == {"a"}
    assert items_of_types(state, frozenset({0, 1})) == {"a", "b", "c"}
    assert items_of_types(state, frozenset()) == set()


@pytest.mark.parametrize("time_ms", [0, 2**32 * 1000 - 1, 2**32 * 1000, 253_402_300_799_999])
def test_every_time_an_event_can_have_fits(time_ms: int) -> None:
    event = ItemEvent(
        session_id=SessionId("s"), item_id=ItemId("a"), event_type="view", occurred_at_ms=time_ms
    )
    assert int.from_bytes(fold(event).times_s, "little") == min(time_ms // 1000, 2**32 - 1)


def test_full_state_stays_within_its_size() -> None:
    events = [an_event(f"item{at:06}", at_s=at, event_id=f"e{at}") for at in range(MAX_ITEMS)]
    state = fold(*events)
    of_an_encoder, of_a_list = 200, HEADER_BYTES + ITEM_BYTES * MAX_LISTED + 2
    assert len(encode_session_state(state)) + of_an_encoder + of_a_list < 1536


def test_rule_on_columns_equals_the_rule_on_numbers() -> None:
    last = np.array([T0, T0, T0], dtype=np.int64)
    now = last + np.array([1_800_000, 1_800_001, -5], dtype=np.int64)
    assert starts_session(last, now, GAP_S).tolist() == [False, True, False]
    assert starts_session(last, now, 0.0).tolist() == [False, False, False]
    assert starts_session(T0, T0 + 1_800_001, GAP_S)
    assert not starts_session(T0, T0 + 1_800_000, GAP_S)


@given(
    st.lists(st.integers(0, 10_000).map(lambda steps: steps * 500), min_size=1, max_size=40),
    st.sampled_from([0.0, 1.0, 1800.0]),
)
def test_online_fold_equals_offline_sessions(offsets_ms: list[int], session_gap_s: float) -> None:
    """Offline: an event starts a session where the rule says so of the running maximum before it."""
    online: list[int] = []
    state = SessionState()
    for at, offset_ms in enumerate(offsets_ms):
        state = append_event(state, an_event(f"i{at}", at_s=offset_ms / 1000), 0, session_gap_s)
        online.append(len(state.item_ids))
    times = np.array(offsets_ms, dtype=np.int64) + T0
    latest = np.maximum.accumulate(times)
    starts = np.concatenate([[True], starts_session(latest[:-1], times[1:], session_gap_s)])
    session = np.cumsum(starts)
    offline = [int((session[: at + 1] == session[at]).sum()) for at in range(len(times))]
    assert online == offline


@pytest.mark.parametrize(
    ("occurred_at_ms", "counts"),
    [
        (T0, T0),
        (T0 - 86_400_000_000, T0 - 86_400_000_000),
        (T0 + 3_600_000, T0 + 3_600_000),
        (T0 + 3_600_001, T0),
        (253_402_300_799_999, T0),
        (EARLIEST_MS, EARLIEST_MS),
        (EARLIEST_MS - 1, T0),
        (T0 // 1000, T0),
        (0, T0),
    ],
    ids=["now", "late", "ahead", "too far ahead", "year 9999", "1990", "1989", "seconds", "epoch 0"],
)
def test_time_that_cannot_be_right_gives_way_to_that_of_its_record(occurred_at_ms: int, counts: int) -> None:
    assert credible_time_ms(occurred_at_ms, T0, max_skew_s=3600) == counts


@pytest.mark.parametrize("logged_at_ms", [-1, 0])
def test_record_without_a_time_decides_nothing(logged_at_ms: int) -> None:
    assert credible_time_ms(T0, logged_at_ms, max_skew_s=3600) == T0


@given(st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.integers(0, 60)), max_size=200))
def test_repeats_of_a_log_are_those_that_the_fold_meets(log: list[tuple[str, int | None]]) -> None:
    states: dict[str, SessionState] = {}
    online = []
    for session_id, number in log:
        state = states.get(session_id, SessionState())
        event = an_event(event_id=None if number is None else f"e{number}")
        online.append(is_repeat(state, event.event_id))
        if not online[-1]:
            states[session_id] = append_event(state, event, 0, GAP_S)
    ids = [None if number is None else f"e{number}" for _, number in log]
    assert repeats_in_log([session_id for session_id, _ in log], ids) == online
