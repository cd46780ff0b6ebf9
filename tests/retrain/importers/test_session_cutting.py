"""Visitors to sessions: by the session rule, in the order of time, equal times as in the source."""

from pathlib import Path

import polars as pl
import pytest

from retrain.importers.event_file_writing import SOURCE_ROW, TIME_COLUMN, numbered
from retrain.importers.session_buckets import write_buckets
from retrain.importers.session_cutting import cut_sessions


def visits(*events: tuple[str, int]) -> pl.DataFrame:
    frame = pl.DataFrame(events, schema={"session_id": pl.String, TIME_COLUMN: pl.Int64}, orient="row")
    return frame.with_columns(pl.int_range(pl.len()).alias(SOURCE_ROW), item_id=pl.lit("i"))


def test_gap_longer_than_the_bound_starts_the_next_session_of_that_visitor() -> None:
    cut = cut_sessions(
        visits(("b", 0), ("a", 5000), ("a", 0), ("a", 7001), ("b", 9000), ("a", 9001)), gap_s=2
    )
    assert cut.select("session_id", TIME_COLUMN).rows() == [
        ("a-1", 0),
        ("a-2", 5000),
        ("a-3", 7001),
        ("a-3", 9001),
        ("b-1", 0),
        ("b-2", 9000),
    ]


def test_events_of_equal_time_keep_their_order() -> None:
    cut = cut_sessions(visits(("a", 5), ("a", 5), ("a", 5)), gap_s=1)
    assert cut[SOURCE_ROW].to_list() == [0, 1, 2]


def test_no_visitors_give_no_sessions() -> None:
    assert cut_sessions(visits(), gap_s=1).is_empty()


@pytest.mark.parametrize("chunk_bytes", [1, 2**20])
@pytest.mark.parametrize("buckets", [1, 7])
def test_each_session_is_whole_in_one_bucket(tmp_path: Path, chunk_bytes: int, buckets: int) -> None:
    events = visits(*((f"visitor {at % 10}", 1000 * at) for at in range(50))).drop(SOURCE_ROW)
    pieces = (events[at : at + 3] for at in range(0, 50, 3))
    written = write_buckets(numbered(pieces), tmp_path, 10, chunk_bytes=chunk_bytes, buckets=buckets)
    frames = list(written.frames(["session_id"]))
    assert len(frames) <= buckets
    sessions = [set(frame["session_id"]) for frame in frames]
    assert sum(map(len, sessions)) == len(set().union(*sessions)) == 10
    assert sum(len(frame) for frame in frames) == 50
