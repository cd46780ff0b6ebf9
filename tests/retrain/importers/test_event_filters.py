"""Filters: worked out by hand, in the order that the help states, until nothing changes."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain.importers.event_file_writing import TIME_COLUMN, numbered
from retrain.importers.event_filters import EventFilters, kept_events
from retrain.importers.session_buckets import write_buckets
from tests.retrain.importers.import_runs import imported, refusal, rows

HEADER = "event_time,event_type,product_id,user_session\n"


def kept(
    folder: Path, events: list[tuple[str, str]], filters: EventFilters, buckets: int = 3
) -> list[tuple[str, str]]:
    """The (session, item) events that are left, in the order of the source."""
    folder.mkdir(exist_ok=True)
    source = pl.DataFrame(events, schema=["session_id", "item_id"], orient="row")
    timed = source.with_columns(pl.int_range(pl.len()).alias(TIME_COLUMN))
    left = kept_events(write_buckets(numbered([timed]), folder, buckets=buckets), filters)
    frame = pl.concat([timed.clear().with_columns(source_row=0), *left.frames()], how="diagonal_relaxed")
    return frame.sort("source_row").select("session_id", "item_id").rows()


def events_of(sessions: dict[str, str]) -> list[tuple[str, str]]:
    return [(session, item) for session, items in sessions.items() for item in items]


def test_item_that_only_a_short_session_supported_falls_and_takes_the_next_session_with_it(
    tmp_path: Path,
) -> None:
    """C falls, being short. Then y, with one event left; then B, with one event left; then x; and A stays."""
    sessions = {"A": "uvuv", "B": "xy", "C": "y", "D": "uvx"}
    left = kept(tmp_path, events_of(sessions), EventFilters(min_item_support=2, min_session_length=2))
    assert left == events_of({"A": "uvuv", "D": "uv"})


def test_short_sessions_fall_before_items_are_counted(tmp_path: Path) -> None:
    """Were items counted first, the two single z would be enough for z, and nothing would change that."""
    sessions = {"A": "zuu", "B": "z", "C": "u"}
    left = kept(tmp_path, events_of(sessions), EventFilters(min_item_support=2, min_session_length=2))
    assert left == events_of({"A": "uu"})


def test_long_sessions_are_judged_as_they_are_in_the_source(tmp_path: Path) -> None:
    """A has four events, more than three, though only two of them are of an item with support."""
    sessions = {"A": "uuxy", "B": "uuu", "C": "uv"}
    left = kept(tmp_path, events_of(sessions), EventFilters(min_item_support=2, max_session_length=3))
    assert left == events_of({"B": "uuu", "C": "u"})


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_bounds_are_inclusive(tmp_path: Path, length: int) -> None:
    sessions = {"A": "abc", "B": "de"}
    assert [
        session for session, _ in kept(tmp_path, events_of(sessions), EventFilters(min_session_length=length))
    ] == [
        *("AAA" if length <= 3 else ""),
        *("BB" if length <= 2 else ""),
    ]
    left = kept(tmp_path / "longest", events_of(sessions), EventFilters(max_session_length=length))
    assert Counter(session for session, _ in left) == {
        session: len(items) for session, items in sessions.items() if len(items) <= length
    }


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.sampled_from("ABCDEF"), st.sampled_from("uvwxyz")), max_size=40),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 8),
)
def test_filters_leave_what_a_plain_loop_leaves(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[tuple[str, str]],
    support: int,
    shortest: int,
    longest: int,
) -> None:
    expected = [
        (session, item)
        for session, item in events
        if not longest or sum(other == session for other, _ in events) <= longest
    ]
    before = None
    while before != expected:
        before = expected
        lengths = Counter(session for session, _ in expected)
        expected = [(session, item) for session, item in expected if lengths[session] >= shortest]
        supports = Counter(item for _, item in expected)
        expected = [(session, item) for session, item in expected if supports[item] >= support]
    filters = EventFilters(support, shortest, longest)
    assert kept(tmp_path_factory.mktemp("buckets"), events, filters) == expected


def test_command_says_how_many_events_the_filters_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        f"2019-10-01 00:00:{second:02} UTC,view,{item},{session}\n"
        for second, (session, item) in enumerate(events_of({"A": "1212", "B": "34", "C": "4", "D": "123"}))
    ]
    Path("r.csv").write_text(HEADER + "".join(lines))
    options = ["--min-item-support", "2", "--min-session-length", "2", "--max-session-length", "4"]
    said = imported(capsys, "rees46", "r.csv", "r.parquet", *options)
    assert said == ["r.parquet: 6 events in time order", "left out: 4 events by the filters"]
    assert rows(Path("r.parquet"), "session_id", "item_id") == events_of({"A": "1212", "D": "12"})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--min-session-length", "9"], "r.csv: the filters leave none of the 1 events; lower their bounds"),
        (
            ["--min-session-length", "3", "--max-session-length", "2"],
            "--max-session-length 2: no session would be left; give at least --min-session-length, 3",
        ),
        (["--min-item-support", "0"], "--min-item-support 0: give a whole number from 1"),
        (
            ["--max-session-length", "-1"],
            "--max-session-length -1: give a whole number from 0 (no bound)",
        ),
    ],
)
def test_filters_that_leave_nothing_are_refused(
    capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    Path("r.csv").write_text(f"{HEADER}2019-10-01 00:00:00 UTC,view,1,s\n")
    assert refusal(capsys, "rees46", "r.csv", "r.parquet", *options) == said
