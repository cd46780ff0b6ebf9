"""The folder or object store of releases, opened: what every module that looks into it begins with.

Callers: the modules of `retrain.releases`.
"""

from typing import Any

import fsspec

from schemas.errors import Unavailable, UsageError


def open_store(releases: str) -> tuple[Any, str]:
    """The fsspec file system of the releases and the path of their folder in it, without a slash at its end.

    Args:
        releases: a folder, or an fsspec URL such as s3://bucket/releases.

    Raises:
        UsageError: the URL's protocol is not known or not installed.
        Unavailable: the object store does not answer.
    """
    try:
        files, root = fsspec.core.url_to_fs(releases)
    except (ImportError, ValueError) as error:
        raise UsageError(f"MILLRACE_RELEASES={releases}: {error}") from error
    except Exception as error:  # a client that connects when it is made raises errors of its own classes
        raise Unavailable(f"{releases}: {error}") from error
    return files, str(root).rstrip("/")


def is_local(files: Any) -> bool:
    """Whether it is a folder of this machine."""
    return "file" in files.protocol
