"""How much memory it takes to read an archive of many events to training sessions. Run it: it prints.

Writes an archive of generated events in day files (removed afterwards), then reads it in a process of its own
as a retrain does: rules of what may be learned, repeats, order, split, vocabulary, sessions. Session and
event ids have 36 bytes, item ids 10; one event of a thousand is sent twice.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retrain.archive.archive_files import ArchiveFile
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.archived_log import ArchivedLog
from retrain.archive.log_rows import SCHEMA
from retrain.archive.parquet_files import facts_of, write_rows
from retrain.event_recording import EventRecorder
from retrain.event_split import train_events
from retrain.releases.release_building import describe_data
from retrain.training.sessionize import build_vocabulary, sessionize
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP, EVENT_TYPES

PARTITIONS, FILE_ROWS, SESSION_EVENTS, ITEMS = 4, 1_000_000, 10, 200_000
FIRST_DAY = date(2026, 1, 1)
DAY_MS = 86_400_000
SENT_TWICE = 0.001


def files(events: int, days: int) -> Iterator[tuple[ArchiveFile, int]]:
    """The files of an archive of so many events, and where the sessions of each begin."""
    offsets = [0] * PARTITIONS
    left, number = events, 0
    per_day = -(-events // days)
    for day in range(days):
        today = min(per_day, left)
        left -= today
        while today:
            rows, partition = min(FILE_ROWS, today), number % PARTITIONS
            first = offsets[partition]
            offsets[partition] += rows
            name = (FIRST_DAY + timedelta(days=day)).isoformat()
            yield ArchiveFile("events", partition, first, first + rows, name), number * FILE_ROWS
            today, number = today - rows, number + 1


def rows_of(file: ArchiveFile, sessions_from: int) -> pl.DataFrame:
    """Generated rows: ten events a session, popular items more often, times rising."""
    drawn = np.random.default_rng(sessions_from)
    count = file.next_offset - file.first_offset
    midnight = int(datetime.fromisoformat(file.day).replace(tzinfo=UTC).timestamp()) * 1000
    logged = np.sort(drawn.integers(midnight, midnight + DAY_MS, count))
    window = np.arange(count) // SESSION_EVENTS + drawn.integers(0, 200, count)  # sessions overlap in time
    sent = np.arange(count)
    sent = np.where(drawn.random(count) < SENT_TWICE, np.maximum(sent - 50, 0), sent)  # an event again
    columns = {
        "session_id": ids(mixed(window[sent] + sessions_from), 36),
        "item_id": ids((ITEMS * drawn.random(count) ** 3).astype(np.int64), 10),
        "event_type": pl.Series(drawn.choice(3, count, p=[0.9, 0.07, 0.03])).replace_strict(
            dict(enumerate(EVENT_TYPES)), return_dtype=pl.String
        ),
        "occurred_at_ms": pl.Series(logged - drawn.integers(0, 2000, count)),
        "event_id": ids(mixed(sent + sessions_from), 36),
        "topic": pl.Series([file.topic]).new_from_index(0, count),
        "partition": pl.Series([file.partition], dtype=pl.Int32).new_from_index(0, count),
        "offset": pl.Series(np.arange(file.first_offset, file.next_offset)),
        "logged_at_ms": pl.Series(logged),
    }
    return pl.DataFrame(columns)


def mixed(numbers: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """Other numbers, each its own: ids do not rise with time."""
    return (numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(1)).view(np.int64)


def ids(numbers: "NDArray[np.int64]", length: int) -> pl.Series:
    """Ids of so many bytes."""
    return pl.Series(numbers).cast(pl.String).str.zfill(length)


def write_archive(url: str, events: int, days: int) -> None:
    """Generate it, a file at a time."""
    store = ArchiveStore(url)
    for file, sessions_from in files(events, days):
        rows = rows_of(file, sessions_from)
        missing = [pl.lit(None).alias(field.name) for field in SCHEMA if field.name not in rows.columns]
        table = rows.with_columns(missing).select(SCHEMA.names).to_arrow().cast(SCHEMA)
        write_rows(store, file, [table], facts_of(file))


def read_archive(url: str) -> None:
    """Read it to training sessions, and print what that took."""
    started = time.perf_counter()

    def say(what: str) -> None:
        print(f"{time.perf_counter() - started:8.1f} s  peak {peak_mb():8,.0f} MB  {what}", flush=True)

    archived = ArchivedLog(ArchiveStore(url))
    say(f"{sum(to - first for first, to in archived.offsets.values()):,} offsets in the archive")
    recorded = EventRecorder(DEFAULT_EVENT_TYPE_MAP, 3600).recorded(archived)
    log = recorded.events
    say(f"{len(log):,} events read, {recorded.repeats:,} repeats left out")
    training = train_events(log, 0.1)
    say(f"{len(training):,} events to train on")
    vocabulary = build_vocabulary(training)
    sessions = sessionize(training, vocabulary, 1800)
    say(f"{len(sessions):,} training sessions, {len(vocabulary):,} items")
    described = describe_data(training, sessions)
    say(f"described, {described.sha256[:8]}")


def peak_mb() -> float:
    """The most memory that this process has had; `getrusage` would count that of its parent."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return float(line.split()[1]) * 1024 / 1e6


def main() -> None:
    """Generate, and read in a child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--read", help="only read this archive")
    arguments = parser.parse_args()
    if arguments.read:
        read_archive(arguments.read)
        return
    with tempfile.TemporaryDirectory(prefix="millrace-archive-memory-") as folder:
        started = time.perf_counter()
        write_archive(folder, arguments.events, arguments.days)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
        seconds = time.perf_counter() - started
        print(f"{arguments.events:,} events generated in {seconds:.0f} s, {size / 1e9:.1f} GB", flush=True)
        subprocess.run([sys.executable, __file__, "--read", folder], check=True)


if __name__ == "__main__":
    main()
