"""Event files are written in time order in bounded memory: the same file however small the pieces."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain.importers.event_file_writing import TIME_COLUMN, numbered, write_in_time_order

TARGET = Path("events.parquet")


def write(times: list[int], folder: Path, run_bytes: int, piece: int = 2) -> list[tuple[int, str]]:
    """Write events of these times, named by their place; read back times and names."""
    frame = pl.DataFrame(
        {TIME_COLUMN: times, "item_id": [str(at) for at in range(len(times))]},
        schema={TIME_COLUMN: pl.Int64, "item_id": pl.String},
    )
    pieces = numbered(frame[at : at + piece] for at in range(0, len(frame), piece))
    target = folder / TARGET
    written: list[int] = []
    assert (
        write_in_time_order(pieces, target, folder, written.append, run_bytes) == len(times) == sum(written)
    )
    back = pl.read_parquet(target)
    return back.select(pl.col(TIME_COLUMN).dt.epoch("ms"), "item_id").rows()


@settings(max_examples=25)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=40), st.sampled_from([1, 60, 200, 2**20]))
def test_events_come_in_time_order_and_those_of_equal_time_in_their_own(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], run_bytes: int
) -> None:
    expected = sorted(((time, str(at)) for at, time in enumerate(times)), key=lambda event: event[0])
    assert write(times, tmp_path_factory.mktemp("written"), run_bytes) == expected


@pytest.mark.parametrize("step", [1, 7919, -1], ids=["ascending", "mixed", "descending"])
def test_more_events_than_runs_and_row_groups_hold(tmp_path: Path, step: int) -> None:
    count = 210_011  # a prime, so that every step reaches every time once
    places = pl.int_range(count, eager=True)
    source = pl.DataFrame({TIME_COLUMN: places * step % count, "item_id": places.cast(pl.String)})
    pieces = numbered(source.iter_slices(30_000))
    assert write_in_time_order(pieces, tmp_path / TARGET, tmp_path, run_bytes=2**20) == count
    back = pl.read_parquet(tmp_path / TARGET).with_columns(pl.col(TIME_COLUMN).dt.epoch("ms"))
    assert back.equals(source.sort(TIME_COLUMN))


def test_times_are_utc_datetimes_in_the_file_and_the_number_of_the_row_is_not_in_it(tmp_path: Path) -> None:
    write([1_569_888_000_000], tmp_path, 2**20)
    back = pl.read_parquet(tmp_path / TARGET)
    assert back.to_dicts() == [{"occurred_at": datetime(2019, 10, 1, tzinfo=UTC), "item_id": "0"}]


def test_without_events_there_is_no_file(tmp_path: Path) -> None:
    assert write_in_time_order([], tmp_path / TARGET, tmp_path) == 0
    assert not (tmp_path / TARGET).exists()
