"""Scrubbing: files are rewritten so that what was erased is physically gone.

Readers leave erased sessions out at once (`erasures`); this is for the bytes. Owns the order: the file
without them is written as the next revision, whole, then the old one is deleted; of one range readers take
the last revision. A file that another process has merged or written from old ones meanwhile is found in the
next pass, or by the next run. Erase events stay: they are what keeps out what is archived later. So is known
of a user's sessions what the archive forgets by this: that they were the user's.
Callers: `millrace archive scrub`, `millrace archive erase`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl
import pyarrow as pa

from retrain.archive.archive_files import ArchiveFile, superseded
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.archived_log import ArchivedLog
from retrain.archive.erasure_requests import ask
from retrain.archive.erasures import REACHED_COLUMNS, Erasures, is_erased, sessions_to_ask_for
from retrain.archive.parquet_files import open_parquet, read_facts, row_batches, write_rows
from schemas.errors import Unavailable

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
        erasures = _all_erasures(store, erased)
        taken = _scrub_once(store, erasures)
        if not taken:
            return Scrubbed(erasures.sessions["session_id"].n_unique(), files, rows)
        files, rows = files + len(taken), rows + sum(taken)
    raise Unavailable(f"{store.url}: files with erased sessions come again and again; try again later")


def _all_erasures(store: ArchiveStore, erased: Erasures) -> Erasures:
    """With the sessions of users, each kept as a request before the events go that say whose it was."""
    archived = ArchivedLog(store)
    known = archived.survey().erasures + erased
    erasures = archived.with_sessions_of_users(known)
    for request in sessions_to_ask_for(erasures, known):
        ask(store, request)
    return erasures


def _scrub_once(store: ArchiveStore, erasures: Erasures) -> list[int]:
    """How many rows were taken out of each file that had to be rewritten."""
    taken = []
    files = store.files()
    left_over = superseded(files)
    for file in left_over:
        store.delete(file.path)
    for file in sorted({*files} - {*left_over}):
        reaching = erasures.in_partition(file.source)
        try:
            if erased_rows := _count_erased(store, file, reaching):
                _rewrite(store, file, reaching)
                taken.append(erased_rows)
        except (FileNotFoundError, Unavailable) as error:
            if not isinstance(error.__cause__ or error, FileNotFoundError):
                raise
            taken.append(0)  # it was merged meanwhile: the next pass finds what became of it
    return taken


def _count_erased(store: ArchiveStore, file: ArchiveFile, reaching: pl.DataFrame) -> int:
    with open_parquet(store, file) as parquet:
        batches = parquet.iter_batches(columns=REACHED_COLUMNS)
        return sum(int(is_erased(pl.DataFrame(batch), reaching).sum()) for batch in batches)


def _rewrite(store: ArchiveStore, file: ArchiveFile, reaching: pl.DataFrame) -> None:
    scrubbed = file._replace(revision=file.revision + 1)
    write_rows(store, scrubbed, _without(store, file, reaching), read_facts(store, file))
    store.delete(file.path)


def _without(store: ArchiveStore, file: ArchiveFile, reaching: pl.DataFrame) -> Iterator[pa.Table]:
    for table in row_batches(store, file, file.first_offset):
        erased = is_erased(pl.DataFrame(table.select(REACHED_COLUMNS)), reaching)
        yield table.filter((~erased).to_arrow())
