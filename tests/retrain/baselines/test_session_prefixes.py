"""Session prefixes: the same sessions as the rule gives event by event."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from models.session_rule import starts_session
from models.vocabulary import Vocabulary
from retrain.baselines.session_prefixes import session_prefixes
from schemas.ids import ItemId
from tests.retrain.baselines.small_logs import a_log

VOCABULARY = Vocabulary([ItemId("a"), ItemId("b"), ItemId("c")])
_EVENT = st.tuples(st.integers(0, 3), st.sampled_from("abcx"), st.integers(0, 5000))


@given(events=st.lists(_EVENT, min_size=1, max_size=12))
def test_prefixes_equal_a_fold_of_the_session_rule(events: list[tuple[int, str, int]]) -> None:
    in_sessions = sorted(events, key=lambda event: event[0])
    expected: list[list[int]] = []
    last_session, latest_ms, so_far = -1, 0, list[int]()
    for session, item, time_ms in in_sessions:
        if session != last_session:
            last_session, latest_ms, so_far = session, time_ms, []
        elif starts_session(latest_ms, time_ms, 2.0):
            so_far = []
        latest_ms = max(latest_ms, time_ms)
        so_far = [*so_far, *(VOCABULARY.rows([ItemId(item)]).tolist() if item != "x" else [])]
        expected.append(so_far)
    columns = ["session_id", "item_id", "occurred_at_ms"]
    frame = pl.DataFrame([(str(s), i, t) for s, i, t in in_sessions], schema=columns, orient="row")
    prefixes = session_prefixes(frame, VOCABULARY, 2.0)
    found = zip(prefixes.first, prefixes.end, strict=True)
    assert [prefixes.item_rows[first:end].tolist() for first, end in found] == expected
    assert prefixes.empty.tolist() == [not rows for rows in expected]


def test_last_items_come_latest_first() -> None:
    last = session_prefixes(a_log("a b x c", "b"), VOCABULARY, 0).last_items(2)
    assert last.prefix.tolist() == [0, 1, 1, 2, 2, 3, 3, 4]
    assert last.item_row.tolist() == [0, 1, 0, 1, 0, 2, 1, 1]
    assert last.age.tolist() == [0, 0, 1, 0, 1, 0, 1, 0]


def test_distinct_items_keep_their_last_place() -> None:
    last = session_prefixes(a_log("a b a"), VOCABULARY, 0).last_distinct_items(3)
    assert last.prefix.tolist() == [0, 1, 1, 2, 2]
    assert last.item_row.tolist() == [0, 1, 0, 0, 1]
    assert last.age.tolist() == [0, 0, 1, 0, 1]
