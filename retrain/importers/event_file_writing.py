"""Writing an event file from chunks of events in any order: sorted by time in bounded memory, whole or not.

Owns the sorting (runs of one chunk each on disk, then merged) and the appearance of the file by a rename.
Writer: of event files. Callers: the importers.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import UsageError

TIME_COLUMN = "occurred_at"
"""Epoch milliseconds in the chunks, a UTC time in the file."""
_ROW = "row"
_KEY = [TIME_COLUMN, _ROW]
_MERGED_ROWS = 65_536
"""Rows of each run that are in memory while runs are merged."""
_ROW_GROUP = 1_000_000


def write_event_file(chunks: Iterable[pl.DataFrame], target: Path, merged_rows: int = _MERGED_ROWS) -> int:
    """Write chunks of events as one Parquet file in time order; those of equal time keep their order.

    In memory are one chunk, then `merged_rows` rows of each chunk; beside the target lies, for a while, a
    folder of about its size.

    Args:
        chunks: of the same columns, among them `occurred_at` in epoch milliseconds.
        target: appears when it is complete, and only if there are events; an older file is replaced.
        merged_rows: rows of each chunk in memory while chunks are merged.

    Returns:
        How many events there are.

    Raises:
        UsageError: the target is no `.parquet` file, or cannot be written.
    """
    if target.suffix != ".parquet":
        raise UsageError(f"{target}: event files are written as .parquet; name it so")
    try:
        with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
            runs = _write_runs(chunks, Path(folder))
            whole = Path(folder) / target.name
            rows = _write_groups(_merge(runs, merged_rows), whole)
            if rows:
                whole.replace(target)
            return rows
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror or error})") from error


def _write_runs(chunks: Iterable[pl.DataFrame], folder: Path) -> list[Path]:
    runs: list[Path] = []
    rows = 0
    for chunk in chunks:
        path = folder / f"run-{len(runs)}.parquet"
        chunk.with_row_index(_ROW, rows).with_columns(pl.col(_ROW).cast(pl.Int64)).sort(_KEY).write_parquet(
            path, row_group_size=_MERGED_ROWS, statistics=False
        )
        runs.append(path)
        rows += len(chunk)
    return runs


def _merge(runs: list[Path], merged_rows: int) -> Iterator[pl.DataFrame]:
    """The rows of sorted runs in order, in frames.

    What comes up to the least of the last keys held can be passed on: the rows still on disk are greater.
    """
    rest = [_frames(run, merged_rows) for run in runs]
    held = [next(frames) for frames in rest]
    while held:
        time, row = min(frame.select(_KEY).row(-1) for frame in held)
        earlier, same = pl.col(TIME_COLUMN) < time, pl.col(TIME_COLUMN) == time
        due = earlier | (same & (pl.col(_ROW) <= row))
        yield pl.concat(frame.filter(due) for frame in held).sort(_KEY)
        left = [frame.filter(~due) for frame in held]
        refilled = [
            (frame if len(frame) else next(frames, frame), frames)
            for frame, frames in zip(left, rest, strict=True)
        ]
        held = [frame for frame, _ in refilled if len(frame)]
        rest = [frames for frame, frames in refilled if len(frame)]


def _frames(run: Path, rows: int) -> Iterator[pl.DataFrame]:
    with pq.ParquetFile(run) as file:
        for batch in file.iter_batches(rows):
            yield pl.DataFrame(batch)


def _write_groups(frames: Iterable[pl.DataFrame], path: Path) -> int:
    writer: pq.ParquetWriter | None = None
    rows = 0
    try:
        for group in _grouped(frames):
            writer = writer or pq.ParquetWriter(path, group.schema, compression="zstd")
            writer.write_table(group)
            rows += len(group)
    finally:
        if writer is not None:
            writer.close()
    return rows


def _grouped(frames: Iterable[pl.DataFrame]) -> Iterator[pa.Table]:
    """Frames as tables of about `_ROW_GROUP` rows, in the form of the file."""
    waiting: list[pl.DataFrame] = []
    for frame in frames:
        waiting.append(frame)
        if sum(map(len, waiting)) >= _ROW_GROUP:
            yield _table(waiting)
            waiting = []
    if waiting:
        yield _table(waiting)


def _table(frames: list[pl.DataFrame]) -> pa.Table:
    utc = pl.col(TIME_COLUMN).cast(pl.Datetime("ms", "UTC"))
    return pl.concat(frames).drop(_ROW).with_columns(utc).to_arrow(compat_level=pl.CompatLevel.oldest())
