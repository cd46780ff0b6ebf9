"""Loading the running release where a builder is: from its folder, or through a copy that lasts until then.

Caller: `retrain.side_index.side_index_building`, in a thread.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import fsspec

from models.release import Release, load_release
from retrain.releases.release_catalogue import read_release_manifest
from schemas.errors import Unavailable
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE


def load_running_release(releases: str, release_id: ReleaseId) -> Release:
    """Verify and load a release.

    Args:
        releases: a folder, or an fsspec URL such as s3://bucket/releases.
        release_id: which one.

    Raises:
        InvalidRelease: there is none, or it is incomplete or corrupt.
        UsageError: the URL's protocol is not known.
        Unavailable: the object store does not answer, or the folder is not there.
    """
    if "://" not in releases:
        if not Path(releases).is_dir():
            raise Unavailable(f"{releases} is no folder on this machine; mount it, or set MILLRACE_RELEASES")
        return load_release(Path(releases) / release_id)
    manifest = read_release_manifest(releases, release_id)
    files, root = fsspec.core.url_to_fs(releases)
    with TemporaryDirectory(prefix="millrace-side-index-") as name:
        for file in [*manifest.files, MANIFEST_FILE]:
            try:
                files.get_file(f"{str(root).rstrip('/')}/{release_id}/{file}", str(Path(name) / file))
            except Exception as error:  # each object store's client raises errors of its own classes
                raise Unavailable(f"{releases}/{release_id}/{file}: {error}") from error
        return load_release(Path(name))  # what is memory-mapped stays readable after its file is gone
