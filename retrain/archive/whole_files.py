"""Files that are there whole or not at all: by a rename in a folder, as one object in a store.

Owns the names of unfinished files, and when one of them is what a killed process left. Caller:
`retrain.archive.archive_store`.
"""

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retrain.lasting_files import make_folder, to_disk

_UNFINISHED = ".unfinished-"
UNFINISHED_S = 3600.0
"""A file that is unfinished for so long is what a killed process left."""


def try_folder(root: Path) -> None:
    """Make a folder, and a file in it that goes again.

    Raises:
        OSError: the disc does not take them.
    """
    make_folder(root)
    trial = root / f"{_UNFINISHED}{uuid.uuid4().hex}"
    trial.touch()
    trial.unlink()


def write_whole(root: Path, path: str, fill: Callable[[Path], None]) -> int:
    """Make a file in a folder; it lasts through a loss of power when this returns.

    Args:
        root: of the archive; unfinished files lie there.
        path: where, within it.
        fill: writes the content to a local path.

    Returns:
        Its size in bytes.

    Raises:
        OSError: the disc does not take it.
    """
    target = root / path
    unfinished = root / f"{_UNFINISHED}{uuid.uuid4().hex}"
    make_folder(target.parent)
    try:
        fill(unfinished)
        to_disk(unfinished)
        size = unfinished.stat().st_size
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    to_disk(target.parent)
    to_disk(root)  # the folder of a day may be new
    return size


def put_whole(files: Any, target: str, fill: Callable[[Path], None]) -> int:
    """Put a finished local file: what is written through a handle may appear in part when that fails.

    Args:
        files: the fsspec file system.
        target: the object.
        fill: writes the content to a local path.

    Returns:
        Its size in bytes.

    Raises:
        Exception: of the store's client, each of its own classes.
    """
    folder = Path(tempfile.mkdtemp(prefix="millrace-archive-"))
    try:
        local = folder / "file"
        fill(local)
        files.makedirs(target.rpartition("/")[0], exist_ok=True)
        files.put_file(str(local), target)
        return local.stat().st_size
    finally:
        shutil.rmtree(folder)


def sweep_unfinished(root: Path, older_than_s: float, now_s: float) -> int:
    """Delete what killed processes left unfinished in a folder; how many files."""
    left = [path for path in root.glob(f"{_UNFINISHED}*") if now_s - _changed_s(path, now_s) >= older_than_s]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _changed_s(path: Path, now_s: float) -> float:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime
    return now_s
