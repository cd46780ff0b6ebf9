"""Making files last through a loss of power: a rename alone does not.

Callers: `retrain.archive.archive_store`, `retrain.cycle.work_folder`, `retrain.releases.publishing`.
"""

import os
from pathlib import Path


def to_disk(path: Path) -> None:
    """Have the system write what it holds of a file, or of a folder's names.

    Raises:
        OSError: the disc does not take it.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
