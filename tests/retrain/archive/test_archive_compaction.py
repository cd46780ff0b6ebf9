"""Merging small files: killed at every step, while others read and write."""

from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import pytest
from pyarrow.parquet import ParquetFile

from retrain.archive import archived_log
from retrain.archive.archive_compaction import OPEN_DAY_FILES, compact
from retrain.archive.archive_files import ArchiveFile
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.archived_log import ArchivedLog
from retrain.archive.parquet_files import open_parquet, read_facts
from tests.retrain.archive.crashing_store import killed_at_every_step
from tests.retrain.archive.written_archives import (
    DAY_MS,
    NOON_MS,
    a_record,
    offsets_in,
    write_files,
    write_records,
)

WIDE = 1000


@pytest.fixture(params=["folder", "object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArchiveStore:
    return ArchiveStore(str(tmp_path / "archive") if request.param == "folder" else f"memory://{tmp_path}")


def close_day(store: ArchiveStore, at: int) -> None:
    """An event of the next day."""
    write_files(store, [(at, at + 1)], logged_at_ms=NOON_MS + DAY_MS)


def names(store: ArchiveStore) -> list[tuple[int, int]]:
    return [(file.first_offset, file.next_offset) for file in store.files()]


def test_small_files_of_a_closed_day_become_one(store: ArchiveStore) -> None:
    write_files(store, [(0, 3), (3, 5), (5, 9)])
    close_day(store, 9)
    assert compact(store, WIDE) == (3, 1)
    assert names(store) == [(0, 9), (9, 10)]
    assert offsets_in(store) == list(range(10))


def test_open_day_waits_for_more_files(store: ArchiveStore) -> None:
    write_files(store, [(at, at + 1) for at in range(OPEN_DAY_FILES - 1)])
    assert compact(store, WIDE) == (0, 0)
    write_files(store, [(OPEN_DAY_FILES - 1, OPEN_DAY_FILES)])
    assert compact(store, WIDE) == (OPEN_DAY_FILES, 1)


def test_merged_files_grow_no_wider_than_the_target(store: ArchiveStore) -> None:
    write_files(store, [(at, at + 2) for at in range(0, 20, 2)])
    close_day(store, 20)
    compact(store, 6)
    assert names(store) == [(0, 6), (6, 12), (12, 18), (18, 20), (20, 21)]
    assert compact(store, 6) == (0, 0)


def test_gap_stays_visible(store: ArchiveStore) -> None:
    write_files(store, [(0, 2), (2, 4), (7, 9), (9, 11)])
    close_day(store, 11)
    compact(store, WIDE)
    assert names(store) == [(0, 4), (7, 11), (11, 12)]
    assert sum(ArchivedLog(store).gaps.values()) == 3


def test_files_of_two_archivers_that_overlap_become_one_with_each_event_once(store: ArchiveStore) -> None:
    write_files(store, [(0, 6), (4, 9), (5, 7), (8, 12)])
    close_day(store, 12)
    compact(store, WIDE)
    assert names(store) == [(0, 12), (12, 13)]
    assert offsets_in(store) == list(range(13))


def test_other_partitions_are_left_to_others(store: ArchiveStore) -> None:
    for partition in (0, 1):
        write_files(store, [(0, 3), (3, 5)], partition=partition)
        write_files(store, [(5, 6)], partition=partition, logged_at_ms=NOON_MS + DAY_MS)
    assert compact(store, WIDE, {("events", 1)}) == (2, 1)


def test_counts_of_what_was_left_out_are_kept(store: ArchiveStore) -> None:
    write_records(store, [a_record(b"{", 0), a_record(None, 1)])
    write_records(store, [a_record(b"{", 2), a_record(b"[]", 3)])
    close_day(store, 4)
    compact(store, WIDE)
    (merged, _) = store.files()
    assert read_facts(store, merged).invalid == 3


def test_killed_at_any_step_every_event_is_there_once_and_the_next_run_ends_it(tmp_path: Path) -> None:
    def fresh(step: int) -> Path:
        folder = tmp_path / str(step)
        write_files(ArchiveStore(str(folder)), [(0, 3), (3, 5), (4, 9)])
        close_day(ArchiveStore(str(folder)), 9)
        return folder

    lives = 0
    for folder in killed_at_every_step(fresh, lambda store: compact(store, WIDE)):
        lives += 1
        store = ArchiveStore(str(folder))
        assert offsets_in(store) == list(range(10))
        compact(store, WIDE)
        assert names(store) == [(0, 9), (9, 10)]
        assert offsets_in(store) == list(range(10))
    assert lives == 8  # before and after the merged file appears, and around each of three deletions


def test_reader_goes_on_in_the_merged_file_when_its_own_were_deleted(store: ArchiveStore) -> None:
    write_files(store, [(0, 3), (3, 5), (5, 9)])
    close_day(store, 9)
    reading = ArchivedLog(store)
    compact(store, WIDE)
    (partition,) = reading.partitions
    seen = [at for rows in reading.rows(partition, ["offset"]) for at in rows["offset"].to_list()]
    assert seen == list(range(10))
    assert reading.survey().invalid == 0


class LazyStore(ArchiveStore):
    """Reads a part of an object when it is asked for, as a store's client: one deleted is gone then."""

    def source(self, path: str) -> IO[bytes]:
        """The object, of which nothing is held."""
        return BufferedReader(LazyObject(self, path), 64)


class LazyObject(RawIOBase):
    def __init__(self, store: ArchiveStore, path: str) -> None:
        self._store, self._path, self._at = store, path, 0
        store.read(path)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = offset + [0, self._at, len(self._store.read(self._path)) if whence == 2 else 0][whence]
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        found = self._store.read(self._path)[self._at : self._at + len(buffer)]
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


def test_reader_goes_on_in_the_merged_file_when_its_own_is_deleted_behind_its_footer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = LazyStore(f"memory://{uuid4().hex}")
    write_files(store, [(0, 3), (3, 5), (5, 9)])
    close_day(store, 9)
    reading = ArchivedLog(store)

    def open_and_compact(store: ArchiveStore, file: ArchiveFile) -> ParquetFile:
        opened = open_parquet(store, file)
        compact(store, WIDE)
        return opened

    monkeypatch.setattr(archived_log, "open_parquet", open_and_compact)
    pieces = reading.rows(reading.partitions[0], ["offset"])
    assert [at for rows in pieces for at in rows["offset"].to_list()] == list(range(10))


def test_compaction_while_another_one_runs_loses_nothing(tmp_path: Path) -> None:
    """The other one runs between two steps of this one: its archive is what a killed one leaves."""

    def fresh(step: int) -> Path:
        folder = tmp_path / str(step)
        write_files(ArchiveStore(str(folder)), [(0, 3), (3, 5), (5, 9)])
        close_day(ArchiveStore(str(folder)), 9)
        return folder

    for folder in killed_at_every_step(fresh, lambda store: compact(store, 5)):
        store = ArchiveStore(str(folder))
        compact(store, WIDE)
        assert offsets_in(store) == list(range(10))


def test_file_name_tells_day_and_offsets(store: ArchiveStore) -> None:
    write_files(store, [(0, 3)], topic="views", partition=2)
    assert store.files() == [ArchiveFile("views", 2, 0, 3, "2026-01-01")]
