"""The copies of releases in the cache: which were wanted last, and the removal of the others.

Only what was copied here is ever removed, never a folder that somebody else put there. Processes of a machine
may share a cache; what one has memory-mapped stays readable after its file is gone. Caller:
`streams.release_fetching`.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

KEPT_COPIES = 5
"""Those wanted last: the running release, those that a rollback may lead to, and one that is being loaded."""
_COPIED = ".copied"
"""The file that marks a copy; its time is when the copy was wanted last."""


def mark_copied(folder: Path) -> None:
    """A release was copied here, and is wanted now."""
    (folder / _COPIED).touch()


def mark_wanted(folder: Path) -> None:
    """A release that lies in the cache is wanted now; nothing where the cache cannot be written."""
    with suppress(OSError):
        os.utime(folder / _COPIED)  # nothing is made where somebody else has put the release there


def prune_cache(cache: Path) -> None:
    """Remove all copies but the `KEPT_COPIES` that were wanted last.

    A copy is moved aside before it is deleted, so that it is whole or absent. What cannot be removed stays.
    """
    wanted = {}
    for marker in cache.glob(f"*/{_COPIED}"):
        with suppress(OSError):  # another process was quicker
            wanted[marker.parent] = marker.stat().st_mtime_ns
    for folder in sorted(wanted, key=wanted.__getitem__, reverse=True)[KEPT_COPIES:]:
        with suppress(OSError), tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as name:
            folder.rename(Path(name) / folder.name)
