"""A release as a local folder: where it lies, or a verified copy of it.

The worker's `streams.release_fetching` keeps a cache; a retrain needs a release once. Callers: `millrace
releases gate`, the retrain cycle (its incumbent).
"""

from pathlib import Path
from typing import Any

from models.release import read_manifest, verify_files
from retrain.releases.release_catalogue import read_release_manifest
from retrain.releases.release_store import is_local, open_store
from schemas.errors import InvalidRelease, Unavailable
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE, ReleaseManifest


def local_release(releases: str, release_id: ReleaseId, workplace: Path, in_place: bool = True) -> Path:
    """The local folder of a release; it bears the release's id.

    Args:
        releases: a folder, or an fsspec URL such as s3://bucket/releases.
        release_id: which one.
        workplace: the folder that a copy is made in; one that is there already and whole is used, one that
            is not (a killed process, a full disc) is made anew.
        in_place: whether a release in a folder is used where it lies; otherwise it is copied, too, and may be
            removed from there.

    Raises:
        InvalidRelease: there is no such release, or what was copied is not what its manifest says.
        UsageError: the URL's protocol is not known.
        Unavailable: the object store does not answer.
    """
    manifest = read_release_manifest(releases, release_id)
    files, root = open_store(releases)
    if in_place and is_local(files):
        return Path(root) / release_id
    copy = workplace / release_id
    if not _is_whole(copy):
        _copy(files, f"{root}/{release_id}", copy, manifest)
        verify_files(copy, read_manifest(copy))
    return copy


def _is_whole(copy: Path) -> bool:
    try:
        verify_files(copy, read_manifest(copy))
    except InvalidRelease:
        return False
    return True


def _copy(files: Any, source: str, copy: Path, manifest: ReleaseManifest) -> None:
    """Copy every file, the manifest last."""
    copy.mkdir(parents=True, exist_ok=True)
    for name in [*manifest.files, MANIFEST_FILE]:
        if Path(name).name != name:
            raise InvalidRelease(f"release {manifest.release_id}: file name {name!r} is not a plain name")
        try:
            files.get_file(f"{source}/{name}", str(copy / name))
        except FileNotFoundError as error:
            raise InvalidRelease(f"release {manifest.release_id}: {name} is missing") from error
        except Exception as error:  # each object store's client raises errors of its own classes
            raise Unavailable(f"{source}/{name}: {error}") from error
