"""A release as a local folder: where it lies, or a verified copy of it.

The worker's `streams.release_fetching` keeps a cache; a retrain needs a release once. Callers: `millrace
releases gate`, the retrain cycle (its incumbent).
"""

from pathlib import Path

from models.release import verify_files
from retrain.releases.release_catalogue import read_release_manifest
from retrain.releases.release_store import is_local, open_store
from schemas.errors import InvalidRelease, Unavailable
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE


def local_release(releases: str, release_id: ReleaseId, workplace: Path) -> Path:
    """The local folder of a release; it bears the release's id.

    Args:
        releases: a folder, whose releases are used in place, or an fsspec URL such as s3://bucket/releases.
        release_id: which one.
        workplace: the folder that a copy is made in.

    Raises:
        InvalidRelease: there is no such release, or what was copied is not what its manifest says.
        UsageError: the URL's protocol is not known.
        Unavailable: the object store does not answer.
    """
    manifest = read_release_manifest(releases, release_id)
    files, root = open_store(releases)
    if is_local(files):
        return Path(root) / release_id
    copy = workplace / release_id
    copy.mkdir(parents=True, exist_ok=True)
    for name in [*manifest.files, MANIFEST_FILE]:
        if Path(name).name != name:
            raise InvalidRelease(f"release {release_id}: file name {name!r} is not a plain name")
        try:
            files.get_file(f"{root}/{release_id}/{name}", str(copy / name))
        except FileNotFoundError as error:
            raise InvalidRelease(f"release {release_id}: {name} is missing") from error
        except Exception as error:  # each object store's client raises errors of its own classes
            raise Unavailable(f"{releases}/{release_id}/{name}: {error}") from error
    verify_files(copy, manifest)
    return copy
