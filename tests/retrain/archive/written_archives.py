"""Archives that tests write without Kafka: records, their segments, and what readers then see."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from aiokafka import ConsumerRecord

from retrain.archive.archive_files import cover
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.parquet_files import row_batches, write_segment
from retrain.archive.partition_buffer import PartitionBuffer
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP
from tests.retrain.archive.archiver_runs import an_event

DAY_MS = 86_400_000
NOON_MS = 20_454 * DAY_MS + DAY_MS // 2
"""2026-01-01T12:00Z."""


def a_record(
    value: bytes | None = None,
    offset: int = 0,
    partition: int = 0,
    logged_at_ms: int = NOON_MS,
    topic: str = "events",
) -> ConsumerRecord:
    value = an_event(f"s{offset}") if value is None else value
    return ConsumerRecord(topic, partition, offset, logged_at_ms, 0, b"s", value, None, 0, 0, ())


def write_records(
    store: ArchiveStore,
    records: Sequence[ConsumerRecord],
    first: int | None = None,
    behind: int | None = None,
) -> None:
    """Records of one partition as an archiver writes them that reads no others: a file a day.

    Args:
        store: the archive.
        records: by offset, at least one.
        first: the first offset that is covered; None: the first record's.
        behind: the offset behind the last that is covered; None: that behind the last record.
    """
    source = (records[0].topic, records[0].partition)
    buffer = PartitionBuffer(
        source, records[0].offset if first is None else first, None, 1000, DEFAULT_EVENT_TYPE_MAP
    )
    for record in records:
        buffer.add(record, now_ms=10**15, now_s=0)
    buffer.reach(behind or 0)
    for segment in list(buffer.segments):
        write_segment(store, segment)


def write_files(store: ArchiveStore, ranges: Iterable[tuple[int, int]], **fields: Any) -> None:
    """A file for each range of offsets; every offset an event of the session `s<offset>`."""
    for first, behind in ranges:
        write_records(store, [a_record(offset=offset, **fields) for offset in range(first, behind)])


def offsets_in(store: ArchiveStore) -> list[int]:
    """What readers see, in their order."""
    return [row for table in _tables(store) for row in table["offset"].to_list()]


def sessions_in(store: ArchiveStore) -> list[str]:
    """Likewise, the sessions of events; erase events are none."""
    return [
        session
        for table in _tables(store)
        for session in table.filter(~pl.col("event_type").str.starts_with("erase"))["session_id"].to_list()
    ]


def bytes_with(folder: Path, text: str) -> list[str]:
    """The files of a folder in which a text stands in the rows, as whoever copies the disk would find it."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            rows = pl.read_parquet(path, hive_partitioning=False)
            events = rows.filter(~pl.col("event_type").str.starts_with("erase"))
            if text in "\n".join(map(str, events.rows())):
                found.append(path.name)
    return found


def _tables(store: ArchiveStore) -> list[pl.DataFrame]:
    return [
        pl.DataFrame(batch)
        for part in cover(store.files())
        for batch in row_batches(store, part.file, part.first_offset)
    ]
