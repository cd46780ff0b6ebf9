"""Nothing of the window or later is learned from, and every target is predicted once."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain.evaluation.time_windows import TimeWindow, last_windows, window_parts, windows_end
from schemas.errors import UsageError

HOUR_MS = 3_600_000


def events_at(hours: list[float], sessions: list[int]) -> pl.DataFrame:
    """Events at these hours, each of one of the sessions, in log order."""
    rows = sorted(zip([round(hour * HOUR_MS) for hour in hours], sessions, strict=True))
    return pl.DataFrame(
        {
            "session_id": [f"s{session}" for _, session in rows],
            "item_id": [f"i{at}" for at in range(len(rows))],
            "event_type": ["view"] * len(rows),
            "occurred_at_ms": [time_ms for time_ms, _ in rows],
        },
        schema_overrides={"occurred_at_ms": pl.Int64},
    )


def test_windows_end_with_the_log_and_follow_one_another() -> None:
    log = events_at([0, 1, 5, 10], [1, 1, 2, 2])
    end = 10 * HOUR_MS + 1
    assert last_windows(log, 2, 3, None) == [
        TimeWindow(None, end - 6 * HOUR_MS, end - 3 * HOUR_MS),
        TimeWindow(None, end - 3 * HOUR_MS, end),
    ]
    assert last_windows(log, 1, 3, 4) == [TimeWindow(end - 7 * HOUR_MS, end - 3 * HOUR_MS, end)]


def test_windows_may_end_before_the_log() -> None:
    log = events_at([0, 1, 5, 10], [1, 1, 2, 2])
    until_ms = windows_end("1970-01-01T06:00")
    assert until_ms == windows_end("1970-01-01T07:00+01:00") == 6 * HOUR_MS
    assert last_windows(log, 1, 3, None, until_ms) == [TimeWindow(None, 3 * HOUR_MS, 6 * HOUR_MS)]
    assert windows_end(None) is None
    with pytest.raises(UsageError, match="--until noon: no time"):
        windows_end("noon")


def test_session_that_straddles_the_cut_is_learned_from_before_it_and_predicted_after_it() -> None:
    log = events_at([1, 2, 3, 4, 5], [1, 1, 1, 1, 2])
    training, prefixes = window_parts(log, TimeWindow(None, 3 * HOUR_MS, 6 * HOUR_MS))
    assert training["item_id"].to_list() == ["i0", "i1"]
    assert prefixes.targets.to_list() == ["i2", "i3"]
    assert prefixes.events["item_id"].to_list() == ["i0", "i1", "i2"]
    assert prefixes.predicted.tolist() == [False, True, True]
    assert prefixes.position.tolist() == [2, 3]


def test_training_goes_back_no_further_than_it_should() -> None:
    log = events_at([1, 2, 3, 4], [1, 1, 1, 1])
    training, _ = window_parts(log, TimeWindow(2 * HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS))
    assert training["item_id"].to_list() == ["i1"]


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (TimeWindow(None, HOUR_MS, 6 * HOUR_MS), r"no event to train on before 1970-01-01 01:00Z"),
        (
            TimeWindow(None, 5 * HOUR_MS, 6 * HOUR_MS),
            "nothing to predict from 1970-01-01 05:00Z to 1970-01-01 06:00Z",
        ),
    ],
)
def test_window_without_events_is_refused(window: TimeWindow, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        window_parts(events_at([1, 2, 3, 4], [1, 1, 2, 2]), window)


def test_log_that_is_too_short_or_has_no_times_is_refused() -> None:
    log = events_at([1, 2, 3, 4], [1, 1, 2, 2])
    with pytest.raises(UsageError, match=r"the log covers 3\.0 h"):
        last_windows(log, 2, 2, None)
    with pytest.raises(UsageError, match=r"the log covers 3\.0 h"):
        last_windows(log, 1, 2, 2)
    timeless = log.with_columns(occurred_at_ms=pl.when(pl.col("item_id") != "i2").then("occurred_at_ms"))
    with pytest.raises(UsageError, match="1 of 4 events have no time"):
        last_windows(timeless, 1, 1, None)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.floats(0, 20), st.integers(0, 4)), min_size=4, max_size=40),
    st.integers(1, 3),
    st.sampled_from([None, 5.0]),
)
def test_nothing_leaks_and_no_target_is_predicted_twice(
    rows: list[tuple[float, int]], n: int, train_hours: float | None
) -> None:
    log = events_at([0.0, *(hour for hour, _ in rows), 20.0], [9, *(session for _, session in rows), 9])
    predicted: list[str] = []
    for window in last_windows(log, n, 4, train_hours):
        try:
            training, prefixes = window_parts(log, window)
        except UsageError:
            continue
        assert training["occurred_at_ms"].max() < window.train_until_ms  # type: ignore[operator]
        times = log.filter(pl.col("item_id").is_in(prefixes.targets.implode()))["occurred_at_ms"]
        assert times.is_between(window.train_until_ms, window.test_until_ms, closed="left").all()
        predicted += prefixes.targets.to_list()
    assert len(predicted) == len(set(predicted))
