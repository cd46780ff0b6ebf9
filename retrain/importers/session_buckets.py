"""Events on disk in buckets, so that whole sessions can be looked at in bounded memory.

Owns the bucket files: each session, or visitor, lies in one bucket, and one bucket at a time is in memory.
Writer: `write_buckets`. Readers: `retrain.importers.event_filters`. Caller: `retrain.importers.importing`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from retrain.importers.event_file_writing import RUN_BYTES, SOURCE_ROW, TIME_COLUMN, gathered
from retrain.importers.session_cutting import cut_sessions

BUCKETS = 64
"""Of a source of 10 GB a bucket is some 300 MB in memory."""


@dataclass(frozen=True)
class SessionBuckets:
    """All events, each session whole in one of the buckets."""

    paths: Sequence[Path]
    visitor_gap_s: float | None = None
    """Where given, `session_id` is a visitor on disk, and is cut into sessions when a bucket is read."""

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The events bucket by bucket; with `columns`, at least those."""
        if columns is not None and self.visitor_gap_s is not None:
            columns = [*columns, TIME_COLUMN, SOURCE_ROW]
        for path in self.paths:
            frame = pl.read_parquet(
                path, columns=None if columns is None else list(columns), memory_map=False
            )
            yield frame if self.visitor_gap_s is None else cut_sessions(frame, self.visitor_gap_s)


def write_buckets(
    frames: Iterable[pl.DataFrame],
    folder: Path,
    visitor_gap_s: float | None = None,
    chunk_bytes: int = RUN_BYTES,
    buckets: int = BUCKETS,
) -> SessionBuckets:
    """Distribute events over files by `session_id`.

    Args:
        frames: events with `SOURCE_ROW`.
        folder: for the files.
        visitor_gap_s: see `SessionBuckets`.
        chunk_bytes: events in memory at once.
        buckets: how many files at most.

    Raises:
        OSError: a file cannot be written.
    """
    writers: dict[int, pq.ParquetWriter] = {}
    with ExitStack() as stack:
        for chunk in gathered(frames, chunk_bytes):
            placed = chunk.with_columns(bucket=pl.col("session_id").hash() % buckets)
            for (bucket,), part in placed.partition_by("bucket", as_dict=True, include_key=False).items():
                table = part.to_arrow()
                if bucket not in writers:
                    path = folder / f"bucket-{bucket}.parquet"
                    writer = pq.ParquetWriter(path, table.schema, compression="lz4", write_statistics=False)
                    writers[bucket] = stack.enter_context(writer)
                writers[bucket].write_table(table)
    return SessionBuckets([folder / f"bucket-{bucket}.parquet" for bucket in sorted(writers)], visitor_gap_s)
