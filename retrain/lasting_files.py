"""Making files last through a loss of power: a rename alone does not.

A file's content, its name and the names of the folders it lies in are each on the disc only when the system
was asked for it. Callers: `retrain.archive.archive_store`, `retrain.cycle.work_folder`,
`retrain.releases`, `retrain.side_index.side_index_publishing`.
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


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing; their names last.

    Raises:
        OSError: they cannot be made.
    """
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in made:
        to_disk(one.parent)


def rename_last(unfinished: Path, target: Path) -> None:
    """Rename a file into a folder whose other files were given to the disc: none finds it before their names.

    Raises:
        OSError: the disc does not take it.
    """
    to_disk(unfinished)
    to_disk(target.parent)
    unfinished.rename(target)
    to_disk(target.parent)
