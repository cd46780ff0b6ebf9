"""What is trained on and what is evaluated never overlap, and together are the whole log."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.event_split import hold_out_validation, read_log, test_events, train_events, validation_split
from schemas.errors import UsageError
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


def test_validation_is_the_training_sessions_that_end_last_whole() -> None:
    log = a_log(("a", 1), ("b", 2), ("c", 3), ("a", 4), ("d", 5))
    parts = validation_split(train_events(log, 0.25), 1 / 3)
    assert items(parts.fit) == ["item-1", "item-2"]
    assert items(parts.validation) == ["item-0", "item-3"]


def test_where_times_are_missing_the_last_rows_decide_what_is_validation() -> None:
    log = a_log(("a", None), ("b", 9), ("a", 1), ("c", 3), splits=["train"] * 4)
    assert items(validation_split(train_events(log, 0), 1 / 3).validation) == ["item-3"]


@pytest.mark.parametrize(
    ("share", "message"),
    [
        (0, "--share 0: use more than 0, at most 0.9"),
        (-0.1, "--share -0.1: use more than 0"),
        (0.91, "--share 0.91: use more than 0"),
        (float("nan"), "--share nan: use more than 0"),
        (0.1, "--share 0.1: of 2 training sessions it leaves none to predict; give another share"),
        (0.8, "--share 0.8: of 2 training sessions it leaves none to learn from"),
    ],
)
def test_validation_share_that_cannot_be_is_named_by_its_option(share: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        validation_split(a_log(("a", 1), ("b", 2)), share, "--share")


@pytest.mark.parametrize("splits", [None, ["train", "test", "train", "train", None]])
def test_log_with_validation_held_out_trains_on_the_fit_part_under_every_test_share(
    splits: list[str | None] | None,
) -> None:
    log = a_log(("a", 1), ("a", 2), ("b", 3), ("c", 4), ("d", 5), splits=splits)
    held = hold_out_validation(log, 0.25, 0.4)
    fit = validation_split(train_events(log, 0.25), 0.4).fit
    assert items(train_events(held, 0.9)) == items(fit)
    assert items(held_out(held, 0.9)) == items(held_out(log, 0.25))
    assert items(held) == items(log)


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=20), st.floats(0, 0.9), st.floats(0, 0.9))
def test_fit_validation_and_test_part_the_log(
    session_ids: list[str], test_share: float, validation_share: float
) -> None:
    log = a_log(*((session_id, None) for session_id in session_ids))
    training = train_events(log, test_share)
    if round(validation_share * training["session_id"].n_unique()) in {0, training["session_id"].n_unique()}:
        with pytest.raises(UsageError, match="--validation-share"):
            validation_split(training, validation_share)
        return
    parts = validation_split(training, validation_share)
    sessions = [set(part["session_id"]) for part in (*parts, held_out(log, test_share))]
    assert sum(map(len, sessions)) == log["session_id"].n_unique()
    assert sum(map(len, (*parts, held_out(log, test_share)))) == len(log)


def test_repeated_event_id_of_a_file_is_neither_trained_on_nor_evaluated(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("session_id,item_id,event_id\na,x,1\na,x,1\nb,x,1\na,y,\na,y,\n")
    log = read_log(path, DEFAULT_EVENT_TYPE_MAP)
    assert log.select("session_id", "item_id").rows() == [("a", "x"), ("b", "x"), ("a", "y"), ("a", "y")]
