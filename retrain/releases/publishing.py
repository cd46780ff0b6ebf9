"""Publishing: a release in a local folder -> the folder or object store of releases, whole or not at all.

Owns the order: every file, then `manifest.json`; a reader sees no release before that. Hashes are not
compared here: `retrain.releases.release_promotion` verifies what lies there before it is announced. Writer:
of the store of releases. Readers: `streams.release_fetching`, `retrain.releases.release_catalogue`. Caller:
`retrain.cycle.candidate_steps`.
"""

import shutil
from pathlib import Path
from typing import Any

from models.release import read_manifest
from retrain.lasting_files import make_folder, rename_last, to_disk
from retrain.releases.release_store import is_local, open_store
from schemas.errors import Unavailable, UsageError
from schemas.release_manifest import MANIFEST_FILE, ReleaseManifest


def publish_release(folder: Path, releases: str) -> ReleaseManifest:
    """Copy a release to where releases are.

    Args:
        folder: the release's folder, with its manifest.
        releases: a folder, made where it does not exist, or an fsspec URL such as s3://bucket/releases.

    Returns:
        Its manifest.

    Raises:
        InvalidRelease: the folder is no release.
        UsageError: the folder of releases cannot be written, or the URL's protocol is not known.
        Unavailable: the object store does not answer.
    """
    manifest = read_manifest(folder)
    files, root = open_store(releases)
    target = f"{root}/{manifest.release_id}"
    if is_local(files):
        _copy_to_folder(folder, Path(target), manifest)
    else:
        _copy_to_store(folder, files, target, manifest)
    return manifest


def _copy_to_folder(folder: Path, target: Path, manifest: ReleaseManifest) -> None:
    """Copy; the manifest by a rename, so that nobody reads a part of it, after the rest is on the disc."""
    unfinished = target / f".{MANIFEST_FILE}"
    try:
        make_folder(target)
        to_disk(target.parent)  # it may have been made by a process that was killed before this
        for name in manifest.files:
            _copy_lasting(folder / name, target / name)
        shutil.copyfile(folder / MANIFEST_FILE, unfinished)
        rename_last(unfinished, target / MANIFEST_FILE)
    except OSError as error:
        raise UsageError(
            f"{target}: the release cannot be written ({error}); check MILLRACE_RELEASES"
        ) from error


def _copy_lasting(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    to_disk(target)


def _copy_to_store(folder: Path, files: Any, target: str, manifest: ReleaseManifest) -> None:
    """Put; an object appears whole."""
    try:
        files.makedirs(target, exist_ok=True)
        for name in [*manifest.files, MANIFEST_FILE]:
            files.put_file(str(folder / name), f"{target}/{name}")
    except Exception as error:  # each object store's client raises errors of its own classes
        raise Unavailable(f"{target}: {error}") from error
