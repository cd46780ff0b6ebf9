"""The Parquet form of an archive's files: rows, and in the metadata what the file covers and what it lacks.

Writers: the archiver, compaction and scrubbing, through `write_rows`. Readers: `retrain.archive`, and whoever
reads Parquet. Format v1: columns of `retrain.archive.log_rows.SCHEMA`, rows by offset; the key `millrace` of
the file's metadata is `FileFacts` as JSON.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from retrain.archive.archive_files import ArchiveFile, Part
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.log_rows import SCHEMA
from retrain.archive.partition_buffer import Segment
from schemas.errors import Unavailable

FORMAT_VERSION = 1
ROW_GROUP = 100_000
PIECE_ROWS = 250_000
_KEY = b"millrace"


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself."""

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    invalid: int = 0
    """Messages of the range that are no events; where archivers overlapped each counts its own."""
    without_consent: int = 0
    """Likewise: events of the range that may not be kept."""
    erasures: int = 0
    """Rows of erase events."""
    format_version: int = FORMAT_VERSION


def facts_of(file: ArchiveFile, invalid: int = 0, without_consent: int = 0, erasures: int = 0) -> FileFacts:
    """The facts of a file of this name."""
    return FileFacts(
        topic=file.topic,
        partition=file.partition,
        first_offset=file.first_offset,
        next_offset=file.next_offset,
        invalid=invalid,
        without_consent=without_consent,
        erasures=erasures,
    )


def write_rows(store: ArchiveStore, file: ArchiveFile, tables: Iterable[pa.Table], facts: FileFacts) -> int:
    """Write a file of the archive, whole or not at all.

    Args:
        store: the archive.
        file: its name.
        tables: the rows, by offset; read once, so that no more than one is in memory.
        facts: of the file.

    Returns:
        Its size in bytes.

    Raises:
        Unavailable: the store cannot be written, or `tables` reads a file that was deleted meanwhile.
    """
    schema = SCHEMA.with_metadata({_KEY: msgspec.json.encode(facts)})

    def fill(path: Path) -> None:
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table.cast(schema), ROW_GROUP)

    return store.write(file.path, fill)


def write_segment(store: ArchiveStore, segment: Segment) -> int:
    """Make a file of a segment; its size in bytes.

    Raises:
        Unavailable: the store cannot be written.
    """
    rows, file = segment.rows, segment.file
    facts = facts_of(file, rows.invalid, rows.without_consent, rows.erasures)
    return write_rows(store, file, [rows.table()], facts)


def read_facts(store: ArchiveStore, file: ArchiveFile) -> FileFacts:
    """What a file says of itself.

    Raises:
        FileNotFoundError: it was deleted.
        Unavailable: it cannot be read, or is none of ours.
    """
    with open_parquet(store, file) as parquet:
        return facts_in(parquet, f"{store.url}/{file.path}")


def row_batches(store: ArchiveStore, file: ArchiveFile, first_offset: int) -> Iterator[pa.Table]:
    """The rows of a file from an offset on, a row group at a time.

    Raises:
        FileNotFoundError: it was deleted.
        Unavailable: it cannot be read.
    """
    with open_parquet(store, file) as parquet:
        for batch in parquet.iter_batches(ROW_GROUP):
            table = pa.table(batch)
            clipped = first_offset > file.first_offset
            yield table.filter(pc.greater_equal(table["offset"], first_offset)) if clipped else table


def open_parquet(store: ArchiveStore, file: ArchiveFile) -> pq.ParquetFile:
    """A file to read from; it is closed by `with`.

    Raises:
        FileNotFoundError: it was deleted.
        Unavailable: it cannot be read.
    """
    try:
        return pq.ParquetFile(store.source(file.path))
    except (pa.ArrowInvalid, EOFError) as error:
        raise Unavailable(f"{store.url}/{file.path}: no Parquet file ({error}); delete it") from error


def facts_in(parquet: pq.ParquetFile, path: str) -> FileFacts:
    """What an open file says of itself.

    Raises:
        Unavailable: it is none of ours.
    """
    encoded = (parquet.schema_arrow.metadata or {}).get(_KEY, b"")
    try:
        return msgspec.json.decode(encoded, type=FileFacts)
    except msgspec.DecodeError as error:
        raise Unavailable(f"{path}: no archive file of Millrace ({error})") from error


def row_pieces(
    parquet: pq.ParquetFile, part: Part, columns: Sequence[str], since_ms: int | None
) -> Iterator[pl.DataFrame]:
    """The rows of a part of an open file, by offset, in pieces that are small beside a file.

    Args:
        parquet: the file.
        part: which offsets of it.
        columns: of `retrain.archive.log_rows.SCHEMA`; `offset` and `logged_at_ms` are there too.
        since_ms: rows that Kafka took before are left out, epoch milliseconds; None: none are.
    """
    names = list(dict.fromkeys([*columns, "offset", "logged_at_ms"]))
    groups = [
        number
        for number in range(parquet.metadata.num_row_groups)
        if since_ms is None or _latest_ms(parquet, number) >= since_ms
    ]
    if not groups:
        return
    for batch in parquet.iter_batches(PIECE_ROWS, row_groups=groups, columns=names):
        rows = pl.DataFrame(batch).filter(
            pl.col("offset").is_between(part.first_offset, part.next_offset, closed="left"),
            *([] if since_ms is None else [pl.col("logged_at_ms") >= since_ms]),
        )
        if not rows.is_empty():
            yield rows


def _latest_ms(parquet: pq.ParquetFile, group: int) -> int:
    """The greatest of Kafka's times in a row group; the greatest of all where the file does not say."""
    column = parquet.metadata.row_group(group).column(parquet.schema_arrow.get_field_index("logged_at_ms"))
    known = column.statistics is not None and column.statistics.has_min_max
    return int(column.statistics.max) if known else 2**63 - 1
