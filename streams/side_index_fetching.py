"""Fetching a side index into a local folder: where it lies, or a copy of it that lasts until it is loaded.

Small, and loaded into memory whole: no cache is kept. Caller: `streams.side_index_watcher`, in a thread.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.side_index import SIDE_FILES
from schemas.errors import InvalidRelease, Unavailable
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE
from schemas.side_index_manifest import side_index_folder
from streams.release_fetching import local_folder, open_store


@contextmanager
def fetched_side_index(releases: str, release_id: ReleaseId, version: int) -> Iterator[Path]:
    """The local folder of a side index, within the context.

    Args:
        releases: a local folder or an fsspec URL, as in `streams.release_fetching.fetch_release`.
        release_id: whose new items they are.
        version: which one.

    Raises:
        InvalidRelease: there is no such side index.
        Unavailable: the object store does not answer, or the folder is not there.
        UsageError: the URL's protocol is not known or not installed.
    """
    below = side_index_folder(release_id, version)
    if "://" not in releases:
        yield local_folder(Path(releases)) / below
        return
    with tempfile.TemporaryDirectory(prefix="millrace-side-index-") as name:
        _copy(releases, below, Path(name))
        yield Path(name)


def _copy(releases: str, below: str, folder: Path) -> None:
    files, root = open_store(releases)
    for name in (MANIFEST_FILE, *SIDE_FILES):
        source = f"{root}/{below}/{name}"
        try:
            files.get_file(source, str(folder / name))
        except FileNotFoundError as error:
            raise InvalidRelease(f"{source} is missing, so that there is no such side index") from error
        except Exception as error:  # each object store's client raises errors of its own classes
            raise Unavailable(f"{source}: {error}") from error
