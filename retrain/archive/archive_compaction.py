"""Compaction: small files of one partition and day become one, while others read and write.

Owns the order: the merged file is written whole, then those it is made of are deleted. It covers all of them,
and readers take the widest, so each event is read once at every moment; what a crash leaves undone the next
compaction does. Files with a gap between them stay apart: a merged one would hide it. Caller:
`retrain.archive.archive_upkeep`, `millrace archive compact`.
"""

from collections.abc import Collection, Iterator
from itertools import groupby

import pyarrow as pa

from retrain.archive.archive_files import Part, Partition, cover, superseded
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.parquet_files import facts_of, read_facts, row_batches, write_rows
from schemas.errors import Unavailable

OPEN_DAY_FILES = 8
"""The last day of a partition still grows: its files are merged when there are so many."""


def compact(
    store: ArchiveStore, target_offsets: int, only: Collection[Partition] | None = None
) -> tuple[int, int]:
    """Merge small files.

    Args:
        store: the archive.
        target_offsets: how wide a merged file gets at most.
        only: the partitions to look after; None: all.

    Returns:
        How many files were merged, and into how many.

    Raises:
        Unavailable: the store does not answer, or somebody else deleted a file that was being merged.
    """
    files = [one for one in store.files() if only is None or one.source in only]
    for file in superseded(files):  # a compaction or a scrubbing was killed before it deleted them
        store.delete(file.path)
    merged, into = 0, 0
    for run in _runs(cover(files), target_offsets):
        _merge(store, run)
        merged, into = merged + len(run), into + 1
    return merged, into


def _runs(parts: list[Part], target_offsets: int) -> Iterator[list[Part]]:
    last_day = {part.file.source: part.file.day for part in parts}
    for (source, day), group in groupby(parts, lambda part: (part.file.source, part.file.day)):
        least = OPEN_DAY_FILES if day == last_day[source] else 2
        run: list[Part] = []
        for part in group:
            if run and (part.first_offset != run[-1].next_offset or _width([*run, part]) > target_offsets):
                if len(run) >= least:
                    yield run
                run = []
            run.append(part)
        if len(run) >= least:
            yield run


def _width(run: list[Part]) -> int:
    return run[-1].next_offset - run[0].file.first_offset


def _merge(store: ArchiveStore, run: list[Part]) -> None:
    first, last = run[0].file, run[-1].file
    revision = max(part.file.revision for part in run)
    merged = first._replace(next_offset=last.next_offset, revision=revision)
    try:
        of = [read_facts(store, part.file) for part in run]
        facts = facts_of(
            merged,
            invalid=sum(one.invalid for one in of),
            without_consent=sum(one.without_consent for one in of),
            erasures=sum(one.erasures for one in of),
        )
        write_rows(store, merged, _rows(store, run), facts)
    except FileNotFoundError as error:
        raise Unavailable(f"{store.url}: a file vanished while it was merged ({error}); try again") from error
    for part in run:
        if part.file != merged:
            store.delete(part.file.path)


def _rows(store: ArchiveStore, run: list[Part]) -> Iterator[pa.Table]:
    """The rows of the parts; the first file whole, for the merged one must cover it."""
    for number, part in enumerate(run):
        yield from row_batches(store, part.file, part.first_offset if number else part.file.first_offset)
