"""Session rule v1: when a session starts, what an event adds to it, and which events are repeats.

The same functions online (one event onto one state) and offline (`starts_session` over columns). Callers:
`models.recommender`, `retrain.training.sessionize`. The encoder state is the recommender's business.

The rule: events count in log order. A gap of more than `session_gap_s` since the session's latest event time
starts it anew. Repeats of an item are not collapsed. An event that is older than the latest one joins the
session, and does not turn its clock back. An event whose id is among the session's last 50 is a repeat and
adds nothing. A time that cannot be right counts as the time at which the log took the event.
"""

from collections import deque
from collections.abc import Iterable
from typing import overload

import numpy as np
from numpy.typing import NDArray

from schemas.ids import EventId, ItemId
from schemas.item_event import EVENT_TYPES, ItemEvent
from schemas.session_state import HASH_BYTES, MAX_ITEMS, TIME_BYTES, VERSION, SessionState, hash_event_id

EVENT_TYPE_CODES: dict[str, int] = {name: code for code, name in enumerate(EVENT_TYPES)}
"""The code of each event type, in states, training data and the encoder's input."""
_CODE_BYTES = {name: bytes((code,)) for name, code in EVENT_TYPE_CODES.items()}

EARLIEST_MS = 631_152_000_000
"""1990, before the web and its shops: an event time before it is a clock or a unit that is wrong."""

BEGINS, APART = -1, -2
"""In place of a pause: the event begins its session; it adds nothing to one, being a repeat, an erasure or
without consent."""

_MAX_TIME_S = 2 ** (8 * TIME_BYTES) - 1


@overload
def starts_session(last_event_at_ms: int, occurred_at_ms: int, session_gap_s: float) -> bool: ...
@overload
def starts_session(
    last_event_at_ms: NDArray[np.int64], occurred_at_ms: NDArray[np.int64], session_gap_s: float
) -> NDArray[np.bool_]: ...
def starts_session(
    last_event_at_ms: int | NDArray[np.int64], occurred_at_ms: int | NDArray[np.int64], session_gap_s: float
) -> bool | NDArray[np.bool_]:
    """Whether an event starts its session anew.

    Args:
        last_event_at_ms: the greatest event time of the session so far, epoch milliseconds; a number or int64
        [n].
        occurred_at_ms: the event's time, likewise.
        session_gap_s: the gap in seconds; 0 means that no gap ends a session.

    Returns:
        True where the gap is longer than `session_gap_s`; a bool, or bool [n].
    """
    return (occurred_at_ms - last_event_at_ms > session_gap_s * 1000) & (session_gap_s > 0)


def credible_time_ms(occurred_at_ms: int, logged_at_ms: int, max_skew_s: float) -> int:
    """The time that counts for an event: its own, or where that cannot be right its record's in the log.

    A time in the far future would hold its session's clock, and with it the session, open until then; one
    before the web (seconds taken for milliseconds, a clock that was never set) would hide a gap. Such an
    event is a click all the same, so it is not refused.

    Args:
        occurred_at_ms: the event's own time, epoch milliseconds.
        logged_at_ms: Kafka's timestamp of its record, likewise; one before the web decides nothing.
        max_skew_s: how far the event's time may be ahead of its record's.
    """
    if logged_at_ms < EARLIEST_MS or EARLIEST_MS <= occurred_at_ms <= logged_at_ms + max_skew_s * 1000:
        return occurred_at_ms
    return logged_at_ms


def append_event(state: SessionState, event: ItemEvent, partition: int, session_gap_s: float) -> SessionState:
    """The session after one more event.

    Its encoder state is the one before the event (empty for a new session).

    Args:
        state: the session so far; `SessionState()` for one that is not known.
        event: the event, not a repeat.
        partition: where it came from; becomes the session's home partition.
        session_gap_s: see `starts_session`.
    """
    item_ids, event_types, times_s, encoder_state = (
        state.item_ids,
        state.event_types,
        state.times_s,
        state.encoder_state,
    )
    if item_ids and starts_session(state.last_event_at_ms, event.occurred_at_ms, session_gap_s):
        item_ids, event_types, times_s, encoder_state = (), b"", b"", b""
    time_s = min(event.occurred_at_ms // 1000, _MAX_TIME_S)
    event_hashes = state.event_hashes
    if event.event_id is not None:
        event_hashes = (event_hashes + hash_event_id(event.event_id))[-MAX_ITEMS * HASH_BYTES :]
    return SessionState(  # by position: half the time of by name
        VERSION,
        state.release_id,
        (*item_ids, event.item_id)[-MAX_ITEMS:],
        (event_types + _CODE_BYTES[event.event_type])[-MAX_ITEMS:],
        (times_s + time_s.to_bytes(TIME_BYTES, "little"))[-MAX_ITEMS * TIME_BYTES :],
        event_hashes,
        encoder_state,
        max(state.last_event_at_ms, event.occurred_at_ms),
        partition,
    )


def pause_ms(before: SessionState, after: SessionState, event: ItemEvent) -> int:
    """The time since the latest event of the session before this one, milliseconds, ≥ 0; or `BEGINS`.

    Args:
        before: the session; `SessionState()` for one that is not known.
        after: the session after the event.
        event: with consent, no repeat.
    """
    return BEGINS if len(after.item_ids) == 1 else max(0, event.occurred_at_ms - before.last_event_at_ms)


def is_repeat(state: SessionState, event_id: EventId | None) -> bool:
    """Whether the event id is among the last 50 of the session; an event without an id never is."""
    if event_id is None or not state.event_hashes:
        return False
    wanted, seen = hash_event_id(event_id), state.event_hashes
    at = seen.find(wanted)
    while at % HASH_BYTES and at >= 0:  # found across two hashes
        at = seen.find(wanted, at + 1)
    return at >= 0


def repeats_in_log(session_ids: Iterable[str], event_ids: Iterable[str | None]) -> list[bool]:
    """Which events of a log are repeats: the offline form of `is_repeat`.

    Args:
        session_ids: of the events, in log order.
        event_ids: likewise; None where an event has none.
    """
    recent: dict[str, deque[str]] = {}
    repeats = []
    for session_id, event_id in zip(session_ids, event_ids, strict=True):
        ids = recent.setdefault(session_id, deque(maxlen=MAX_ITEMS))
        repeats.append(event_id is not None and event_id in ids)
        if event_id is not None and not repeats[-1]:
            ids.append(event_id)
    return repeats


def items_of_types(state: SessionState, event_types: frozenset[int]) -> set[ItemId]:
    """The items of the session that occur with one of the event types (codes)."""
    return {item for item, code in zip(state.item_ids, state.event_types, strict=True) if code in event_types}
