"""The order of a log that is put together from partitions, and its compact form."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from retrain.archive.erasures import no_erasures
from retrain.log_assembly import NEEDED, LogAssembly, _log_order
from schemas.item_event import EVENT_TYPES

HERE = ("events", 0)


def rows(*sessions: str, logged_at_ms: int = 5) -> pl.DataFrame:
    fields = {"item_id": "a", "event_type": "view", "occurred_at_ms": 7, "event_id": None, "offset": 0}
    schema = {name: pl.Int64 if name.endswith(("_ms", "offset")) else pl.String for name in NEEDED}
    return pl.DataFrame(
        [{"session_id": one, **fields, "logged_at_ms": logged_at_ms} for one in sessions], schema=schema
    )


def test_ids_are_numbers_and_types_an_enumeration() -> None:
    assembly = LogAssembly(no_erasures(), None, 3600)
    assembly.begin_partition(HERE)
    assembly.add(rows("s1", "s2"))
    events = assembly.assembled().events
    assert isinstance(events.schema["session_id"], pl.Categorical)
    assert events.schema["event_type"] == pl.Enum(EVENT_TYPES)
    assert events.rows() == [("s1", "a", "view", 7), ("s2", "a", "view", 7)]


def test_pieces_of_a_partition_are_one_and_another_partition_is_merged_into_it() -> None:
    assembly = LogAssembly(no_erasures(), None, 3600)
    assembly.begin_partition(HERE)
    assembly.add(rows("a", logged_at_ms=10))
    assembly.add(rows("b", logged_at_ms=3))  # its clock went back
    assembly.add(rows("d", logged_at_ms=30))
    assembly.begin_partition(("events", 1))
    assembly.add(rows("c", logged_at_ms=20))
    assert assembly.assembled().events["session_id"].to_list() == ["a", "b", "c", "d"]


@given(st.lists(st.integers(0, 20) | st.integers(0, 2**61), max_size=60))
def test_order_is_by_time_and_equals_as_they_are(times_ms: list[int]) -> None:
    order = _log_order(np.array(times_ms, dtype=np.int64))
    expected = sorted(range(len(times_ms)), key=lambda row: times_ms[row])
    assert expected == (list(range(len(times_ms))) if order is None else order.tolist())
