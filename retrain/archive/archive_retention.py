"""Retention: whole days of the archive go when they are old enough; where each partition goes on stays.

The oldest offsets first, so that what a killed run leaves still begins somewhere and has no gap. The last
file of a partition that has been silent since is rewritten without its rows, as scrubbing rewrites: else the
archiver would take the partition for one that was never archived, and read all that the topic still has of
it again. It goes when the partition has a later file. Callers: `retrain.archive.archive_upkeep`.
"""

from datetime import date, timedelta

from retrain.archive.archive_files import ArchiveFile, cover
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.parquet_files import facts_of, open_parquet, write_rows


def expire(store: ArchiveStore, keep_days: int, today: date) -> int:
    """Delete the days before the last `keep_days`.

    Args:
        store: the archive.
        keep_days: how many days before today are kept, at least 1.
        today: the present day, UTC.

    Returns:
        How many files were deleted.

    Raises:
        Unavailable: the store does not answer.
    """
    first_kept = (today - timedelta(days=keep_days)).isoformat()
    files = store.files()
    last = {part.file.source: part.file for part in cover(files)}
    expired = [file for file in files if file.day < first_kept and not _is_position(store, file, last)]
    for file in expired:  # sorted by partition and offset
        if file == last[file.source]:
            emptied = file._replace(revision=file.revision + 1)
            write_rows(store, emptied, [], facts_of(emptied))
        store.delete(file.path)
    for day in {file.day for file in expired}:
        store.drop_empty(day)
    return len(expired)


def _is_position(store: ArchiveStore, file: ArchiveFile, last: dict[tuple[str, int], ArchiveFile]) -> bool:
    """Whether a file has no rows, and says where its partition goes on."""
    if file != last[file.source]:
        return False
    try:
        with open_parquet(store, file) as parquet:
            return bool(parquet.metadata.num_rows == 0)
    except FileNotFoundError:  # another archiver's retention is at it
        return True
