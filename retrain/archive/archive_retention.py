"""Retention: whole days of the archive go when they are old enough.

The oldest offsets first, so that what a killed run leaves still begins somewhere and has no gap. Callers:
`retrain.archive.archive_upkeep`.
"""

from datetime import date, timedelta

from retrain.archive.archive_store import ArchiveStore


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
    expired = [file for file in store.files() if file.day < first_kept]
    for file in expired:  # sorted by partition and offset
        store.delete(file.path)
    for day in {file.day for file in expired}:
        store.drop_empty(day)
    return len(expired)
