"""Loading the running release where a builder is: from its folder, or through a copy that lasts until then.

Caller: `retrain.side_index.side_index_building`, in a thread.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from models.release import Release, load_release
from retrain.releases.release_copying import local_release
from schemas.errors import Unavailable
from schemas.ids import ReleaseId


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
    if "://" not in releases and not Path(releases).is_dir():
        raise Unavailable(f"{releases} is no folder on this machine; mount it, or set MILLRACE_RELEASES")
    with TemporaryDirectory(prefix="millrace-side-index-") as name:
        # What is memory-mapped stays readable after its file is gone.
        return load_release(local_release(releases, release_id, Path(name)))
