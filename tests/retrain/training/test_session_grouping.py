"""Grouping in pieces is grouping at once, and by the session rule."""

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.session_rule import starts_session
from retrain.id_codes import as_categories
from retrain.training import session_grouping
from retrain.training.sessionize import build_vocabulary, sessionize

GAP_S = 1
EVENTS = st.lists(st.tuples(st.integers(0, 2), st.none() | st.integers(0, 5000)), max_size=40)


def sessions_one_by_one(events: list[tuple[int, int | None]]) -> set[tuple[int, ...]]:
    """The rows of each session, by the scalar rule."""
    latest: dict[int, int] = {}
    found: dict[int, list[list[int]]] = {}
    for row, (session, time_ms) in enumerate(events):
        last, now = latest.get(session), time_ms
        is_anew = last is not None and now is not None and starts_session(last, now, GAP_S)
        if session not in found or is_anew:
            found.setdefault(session, []).append([])
        found[session][-1].append(row)
        if now is not None:
            latest[session] = max(now, last or 0)
    return {tuple(rows) for of_id in found.values() for rows in of_id}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(EVENTS, st.sampled_from([1, 3, 100]))
def test_sessions_are_those_of_the_rule_in_pieces_of_any_size(
    monkeypatch: pytest.MonkeyPatch, events: list[tuple[int, int | None]], at_once: int
) -> None:
    monkeypatch.setattr(session_grouping, "_AT_ONCE", at_once)
    frame = pl.DataFrame(
        {
            "session_id": [str(session) for session, _ in events],
            "item_id": [f"i{row}" for row in range(len(events))],
            "event_type": ["view"] * len(events),
            "occurred_at_ms": [time_ms for _, time_ms in events],
        },
        schema_overrides={"session_id": pl.String, "occurred_at_ms": pl.Int64},
    )
    compact = frame.with_columns(as_categories(frame["session_id"]), as_categories(frame["item_id"]))
    for log in (frame, compact) if events else ():
        vocabulary = build_vocabulary(log)
        sessions = sessionize(log, vocabulary, GAP_S)
        rows = [int(vocabulary.item_id(row)[1:]) for row in sessions.item_rows]
        cut = np.split(np.array(rows, dtype=np.int64), sessions.offsets[1:-1])
        assert {tuple(one.tolist()) for one in cut} == sessions_one_by_one(events)
