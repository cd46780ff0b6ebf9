"""What is trained on and what is evaluated never overlap, and together are the whole log."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.event_split import read_log, test_events, train_events
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP

held_out = test_events
test_events.__test__ = False  # type: ignore[attr-defined]  # a name of the field, not a test


def a_log(*rows: tuple[str, int | None], splits: list[str | None] | None = None) -> pl.DataFrame:
    log = pl.DataFrame(
        {
            "session_id": [session_id for session_id, _ in rows],
            "item_id": [f"item-{at}" for at in range(len(rows))],
            "occurred_at_ms": pl.Series([time_ms for _, time_ms in rows], dtype=pl.Int64),
        }
    )
    return log if splits is None else log.with_columns(split=pl.Series(splits, dtype=pl.String))


def items(events: pl.DataFrame) -> list[str]:
    return events["item_id"].to_list()


def test_split_column_decides() -> None:
    log = a_log(("a", 1), ("b", 2), ("c", 3), splits=["test", "train", None])
    assert items(train_events(log, 0.5)) == ["item-1"]
    assert items(held_out(log, 0.5)) == ["item-0"]


@pytest.mark.parametrize("splits", [None, [None] * 4])
def test_without_a_split_the_sessions_that_end_last_are_held_out_whole(
    splits: list[str | None] | None,
) -> None:
    log = a_log(("a", 1), ("b", 2), ("b", 3), ("a", 4), splits=splits)
    assert items(train_events(log, 0.5)) == ["item-1", "item-2"]
    assert items(held_out(log, 0.5)) == ["item-0", "item-3"]


def test_share_of_zero_trains_on_everything() -> None:
    log = a_log(("a", 1), ("b", 2))
    assert len(train_events(log, 0)) == 2
    assert held_out(log, 0).is_empty()


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=20), st.floats(0, 0.9))
def test_train_and_test_part_the_sessions(session_ids: list[str], share: float) -> None:
    log = a_log(*((session_id, None) for session_id in session_ids))
    trained, tested = train_events(log, share), held_out(log, share)
    assert len(trained) + len(tested) == len(log)
    assert not set(trained["session_id"]) & set(tested["session_id"])


@pytest.mark.parametrize(
    ("times", "expected"), [((3, 1, 1), ["b", "c", "a"]), ((3, None, 1), ["a", "b", "c"])]
)
def test_log_order_is_by_time_unless_a_time_is_missing(
    tmp_path: Path, times: tuple[int | None, ...], expected: list[str]
) -> None:
    path = tmp_path / "events.parquet"
    pl.DataFrame({"session_id": ["s"] * 3, "item_id": ["a", "b", "c"], "timestamp": times}).write_parquet(
        path
    )
    assert items(read_log(path, DEFAULT_EVENT_TYPE_MAP)) == expected
