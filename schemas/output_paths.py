"""Where a command writes to, checked before its work begins: an hour's figures should not end without a file.

Callers: the commands with `--json` or `--out`.
"""

import os
from pathlib import Path

from schemas.errors import UsageError


def check_output_file(option: str, path: Path | None) -> None:
    """Check that a file can be written.

    Args:
        option: the option that gave it, for the message.
        path: the file; None: nothing will be written.

    Raises:
        UsageError: it is a folder, its folder is missing, or either may not be written to.
    """
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{option} {path}: this is a folder; give a file")
    if not path.parent.is_dir():
        raise UsageError(f"{option} {path}: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"{option} {path}: may not be written to; give a file that can be")


def check_output_folder(option: str, path: Path) -> None:
    """Check that a folder can be written to, or made.

    Args:
        option: the option that gave it, for the message.
        path: the folder.

    Raises:
        UsageError: it, or what it lies in, is a file or may not be written to.
    """
    there = next(one for one in (path, *path.absolute().parents) if one.exists())
    if not there.is_dir():
        raise UsageError(f"{option} {path}: {there} is a file; give a folder")
    if not os.access(there, os.W_OK):
        raise UsageError(f"{option} {path}: {there} may not be written to; give a folder that can be")
