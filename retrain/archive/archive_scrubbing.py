"""Scrubbing: files are rewritten so that what was erased is physically gone.

Readers leave erased sessions out at once (`erasures`); this is for the bytes. Owns the order: the file
without them is written as the next revision, whole, then the old one is deleted; of one range readers take
the last revision. A file that another process has merged or written from old ones meanwhile is found in the
next pass, or by the next run. Erase events stay: they are what keeps later events of the session out.
Callers: `millrace archive scrub`, `millrace archive erase`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl
import pyarrow as pa

from retrain.archive.archive_files import ArchiveFile, superseded
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.archived_log import ArchivedLog
from retrain.archive.erasures import Erasures
from retrain.archive.parquet_files import open_parquet, read_facts, row_batches, write_rows
from schemas.errors import Unavailable
from schemas.item_event import EVENT_TYPES

_PASSES = 10


class Scrubbed(NamedTuple):
    """What was done."""

    sessions: int
    """That are erased; most may have been gone already."""
    files: int
    """Rewritten."""
    rows: int
    """Taken out."""

    def in_words(self, url: str) -> str:
        """For the user."""
        taken = f"{self.rows:,} events taken out of {self.files:,} files"
        return f"{url}: {taken}; {self.sessions:,} sessions in all are kept out of it"


def scrub(store: ArchiveStore, erased: Erasures) -> Scrubbed:
    """Take what is erased out of the archive; what a killed run left is done by the next.

    Args:
        store: the archive.
        erased: what is erased beside what the archive's own erase events and requests say.

    Raises:
        Unavailable: the store does not answer, or files change all the time.
    """
    store.sweep()
    files = rows = 0
    for _ in range(_PASSES):
        sessions = _erased_sessions(store, erased)
        taken = _scrub_once(store, sessions)
        if not taken:
            return Scrubbed(len(sessions), files, rows)
        files, rows = files + len(taken), rows + sum(taken)
    raise Unavailable(f"{store.url}: files with erased sessions come again and again; try again later")


def _erased_sessions(store: ArchiveStore, erased: Erasures) -> pl.Series:
    archived = ArchivedLog(store)
    return archived.with_sessions_of_users(archived.survey().erasures + erased).session_ids


def _scrub_once(store: ArchiveStore, sessions: pl.Series) -> list[int]:
    """How many rows were taken out of each file that had to be rewritten."""
    taken = []
    files = store.files()
    left_over = superseded(files)
    for file in left_over:
        store.delete(file.path)
    for file in sorted({*files} - {*left_over}):
        try:
            if erased_rows := _count_erased(store, file, sessions):
                _rewrite(store, file, sessions)
                taken.append(erased_rows)
        except FileNotFoundError:  # it was merged meanwhile: the next pass finds what became of it
            taken.append(0)
    return taken


def _count_erased(store: ArchiveStore, file: ArchiveFile, sessions: pl.Series) -> int:
    with open_parquet(store, file) as parquet:
        batches = parquet.iter_batches(columns=["session_id", "event_type"])
        return sum(int(pl.DataFrame(batch).select(_is_erased(sessions).sum()).item()) for batch in batches)


def _rewrite(store: ArchiveStore, file: ArchiveFile, sessions: pl.Series) -> None:
    scrubbed = file._replace(revision=file.revision + 1)
    write_rows(store, scrubbed, _without(store, file, sessions), read_facts(store, file))
    store.delete(file.path)


def _without(store: ArchiveStore, file: ArchiveFile, sessions: pl.Series) -> Iterator[pa.Table]:
    for table in row_batches(store, file, file.first_offset):
        is_erased = pl.DataFrame(table.select(["session_id", "event_type"])).select(_is_erased(sessions))
        yield table.filter((~is_erased.to_series()).to_arrow())


def _is_erased(sessions: pl.Series) -> pl.Expr:
    """Whether a row is an event of an erased session; erase events are none."""
    return pl.col("event_type").is_in(EVENT_TYPES) & pl.col("session_id").is_in(sessions.implode())
