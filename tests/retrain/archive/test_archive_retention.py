"""Old days go; where each partition goes on stays, whatever is killed."""

from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest

from retrain.archive.archive_compaction import compact
from retrain.archive.archive_files import next_offsets
from retrain.archive.archive_retention import expire
from retrain.archive.archive_scrubbing import scrub
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.archived_log import ArchivedLog
from retrain.archive.erasures import no_erasures
from tests.retrain.archive.crashing_store import killed_at_every_step
from tests.retrain.archive.written_archives import DAY_MS, NOON_MS, bytes_with, offsets_in, write_files

LATER = date(2026, 3, 1)
QUIET, BUSY = ("events", 0), ("events", 1)


@pytest.fixture(params=["folder", "object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArchiveStore:
    return ArchiveStore(str(tmp_path) if request.param == "folder" else f"memory://{uuid4().hex}")


def fill(store: ArchiveStore) -> ArchiveStore:
    """A partition that falls silent on the first day, and one that goes on until February ends."""
    write_files(store, [(0, 3), (3, 5)])
    write_files(store, [(0, 4)], partition=1)
    write_files(store, [(4, 6)], partition=1, logged_at_ms=NOON_MS + 58 * DAY_MS)
    return store


def test_partition_that_has_been_silent_goes_on_where_it_was(store: ArchiveStore) -> None:
    assert expire(fill(store), 7, LATER) == 3
    assert next_offsets(store.files()) == {QUIET: 5, BUSY: 6}
    assert offsets_in(store) == [4, 5]
    assert expire(store, 7, LATER) == 0


def test_readers_compaction_and_scrubbing_pass_over_a_file_without_rows(store: ArchiveStore) -> None:
    expire(fill(store), 7, LATER)
    files = store.files()
    assert compact(store, 1000) == (0, 0)
    assert scrub(store, no_erasures()).files == 0
    archived = ArchivedLog(store)
    assert [len(rows) for one in archived.partitions for rows in archived.rows(one, ["offset"])] == [2]
    assert archived.first_offset(archived.partitions[0], since_ms=0) is None
    assert store.files() == files


def test_file_without_rows_goes_when_the_partition_goes_on(store: ArchiveStore) -> None:
    expire(fill(store), 7, LATER)
    write_files(store, [(5, 8)], logged_at_ms=NOON_MS + 59 * DAY_MS)
    assert expire(store, 7, LATER) == 1
    assert [file.first_offset for file in store.files()] == [5, 4]
    assert ArchivedLog(store).gaps == {}


def test_retention_killed_at_any_step_knows_where_each_partition_goes_on(tmp_path: Path) -> None:
    def fresh(step: int) -> Path:
        fill(ArchiveStore(str(tmp_path / str(step))))
        return tmp_path / str(step)

    lives = 0
    for folder in killed_at_every_step(fresh, lambda store: expire(store, 7, LATER)):
        lives += 1
        store = ArchiveStore(str(folder))
        assert next_offsets(store.files()) == {QUIET: 5, BUSY: 6}
        assert ArchivedLog(store).gaps == {}
        compact(store, 1000)  # another archiver's
        expire(store, 7, LATER)
        assert (offsets_in(store), bytes_with(folder, "s3")) == ([4, 5], [])
        assert next_offsets(store.files()) == {QUIET: 5, BUSY: 6}
    assert lives == 8  # before and after three files are deleted, and one appears
