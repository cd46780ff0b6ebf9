"""Writing an event file from frames of events in any order: sorted by time in bounded memory, whole or not.

Owns the sorting (sorted runs on disk, then merged) and the appearance of the file by a rename. Writer: of
event files. Caller: `retrain.importers.importing`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

TIME_COLUMN = "occurred_at"
"""Epoch milliseconds in the frames, a UTC time in the file."""
SOURCE_ROW = "source_row"
"""The number of the event in its source: events of equal time keep that order. Not in the file."""
RUN_BYTES = 96 * 2**20
"""Events sorted in memory at once; a few times as much is taken while they are."""
_HELD_BYTES = 2**20
"""Of each run, what is in memory while runs are merged; strings and copies take some times that."""
_ROW_GROUP = 200_000
_KEY = [TIME_COLUMN, SOURCE_ROW]
_Key = tuple[int, int]


@dataclass(frozen=True)
class _Run:
    """Sorted events on disk."""

    path: Path
    first: _Key


@dataclass
class _OpenRun:
    """A run that is being merged: the events in memory, and those after them."""

    held: pl.DataFrame
    rest: Iterator[pl.DataFrame]

    def last(self) -> _Key:
        time, row = self.held.select(_KEY).row(-1)
        return time, row

    def take(self, bound: _Key) -> pl.DataFrame:
        """The events up to `bound`; they are held no more."""
        time, row = pl.col(TIME_COLUMN), pl.col(SOURCE_ROW)
        due = (time < bound[0]) | ((time == bound[0]) & (row <= bound[1]))
        count = self.held.select(due.sum()).item()
        taken, self.held = self.held[:count], self.held[count:]
        if self.held.is_empty():
            self.held = next(self.rest, self.held)
        return taken


def numbered(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Frames with `SOURCE_ROW`, counted over all of them."""
    rows = 0
    for frame in frames:
        yield frame.with_columns(pl.int_range(rows, rows + len(frame), dtype=pl.Int64).alias(SOURCE_ROW))
        rows += len(frame)


def gathered(frames: Iterable[pl.DataFrame], least_bytes: int = RUN_BYTES) -> Iterator[pl.DataFrame]:
    """Frames put together until each has `least_bytes`, the last one aside."""
    waiting: list[pl.DataFrame] = []
    for frame in frames:
        if not frame.is_empty():
            waiting.append(frame)
        if sum(one.estimated_size() for one in waiting) >= least_bytes:
            yield pl.concat(waiting)
            waiting = []
    if waiting:
        yield pl.concat(waiting)


def write_in_time_order(
    frames: Iterable[pl.DataFrame],
    target: Path,
    folder: Path,
    advance: Callable[[int], None] = lambda _: None,
    run_bytes: int = RUN_BYTES,
) -> int:
    """Write frames of events as one Parquet file in time order.

    Args:
        frames: of the same columns, among them `TIME_COLUMN` and `SOURCE_ROW`.
        target: appears when it is complete, and only if there are events; an older file is replaced.
        folder: for the runs, on the file system of `target`; about as large as the target for a while.
        advance: called with the events written since the call before.
        run_bytes: see `RUN_BYTES`.

    Returns:
        How many events there are.

    Raises:
        OSError: something cannot be written.
    """
    runs = _write_runs(gathered(frames, run_bytes), folder)
    whole = folder / target.name
    rows = 0
    for written in _write_groups(_merged(runs), whole):
        rows += written
        advance(written)
    if rows:
        whole.replace(target)
    return rows


def _write_runs(chunks: Iterable[pl.DataFrame], folder: Path) -> list[_Run]:
    runs: list[_Run] = []
    for chunk in chunks:
        path = folder / f"run-{len(runs)}.parquet"
        in_order = chunk.sort(_KEY)
        held_rows = max(1, len(chunk) * _HELD_BYTES // max(1, int(chunk.estimated_size())))
        in_order.write_parquet(path, compression="lz4", row_group_size=held_rows, statistics=False)
        time, row = in_order.select(_KEY).row(0)
        runs.append(_Run(path, (time, row)))
    return sorted(runs, key=lambda run: run.first)


def _merged(runs: list[_Run]) -> Iterator[pl.DataFrame]:
    """The events of sorted runs in order, in frames.

    What comes up to the least of the last keys held can be passed on: the events still on disk are greater.
    A run is opened only when its first key is due, so sources that are nearly in time order need few at once.
    """
    waiting, merging = deque(runs), list[_OpenRun]()
    while waiting or merging:
        if not merging:
            merging.append(_opened(waiting.popleft()))
        bound = min(run.last() for run in merging)
        while waiting and waiting[0].first <= bound:
            merging.append(_opened(waiting.popleft()))
            bound = min(bound, merging[-1].last())
        taken = [run.take(bound) for run in merging]
        yield pl.concat(taken).sort(_KEY) if len(taken) > 1 else taken[0]
        merging = [run for run in merging if not run.held.is_empty()]


def _opened(run: _Run) -> _OpenRun:
    rest = _frames(run.path)
    return _OpenRun(next(rest), rest)


def _frames(path: Path) -> Iterator[pl.DataFrame]:
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            frame = pl.from_arrow(file.read_row_group(group))
            assert isinstance(frame, pl.DataFrame)
            yield frame
    path.unlink()


def _write_groups(frames: Iterable[pl.DataFrame], path: Path) -> Iterator[int]:
    """Write the file; yields how many events each row group has."""
    writer: pq.ParquetWriter | None = None
    try:
        for group in _grouped(frames):
            table = _table(group)
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
            yield len(group)
    finally:
        if writer is not None:
            writer.close()


def _grouped(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Frames of about `_ROW_GROUP` rows."""
    waiting: list[pl.DataFrame] = []
    rows = 0
    for frame in frames:
        waiting.append(frame)
        rows += len(frame)
        if rows >= _ROW_GROUP:
            yield pl.concat(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pl.concat(waiting)


def _table(frame: pl.DataFrame) -> pa.Table:
    """In the form of the file."""
    utc = pl.col(TIME_COLUMN).cast(pl.Datetime("ms", "UTC"))
    return frame.drop(SOURCE_ROW).with_columns(utc).to_arrow(compat_level=pl.CompatLevel.oldest())
