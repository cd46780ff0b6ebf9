"""The releases of a folder or object store: which there are, and whether one is whole.

Reads only. Callers: `millrace releases`, `retrain.releases.release_promotion`.
"""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from retrain.releases.release_store import open_store
from schemas.errors import InvalidRelease, Unavailable, UsageError
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE, ReleaseManifest, decode_release_manifest

MADE_RELEASE_ID = re.compile(r"[a-z0-9_]+-\d{8}T\d{12}Z-[0-9a-f]{8}")
"""Ids as `retrain.releases.release_building` makes them."""
_READ_BYTES = 1 << 20


class ListedRelease(NamedTuple):
    """A release of the folder."""

    release_id: ReleaseId
    manifest: ReleaseManifest | None
    """None where it cannot be read."""
    problem: str = ""


class UnfinishedRelease(NamedTuple):
    """A folder without a manifest."""

    release_id: ReleaseId
    written_at: datetime | None
    """Its youngest file; None where the store does not tell."""


def list_releases(releases: str) -> list[ListedRelease]:
    """Every release of a folder, the newest first, unreadable ones last. Folders without a manifest are none.

    Args:
        releases: a folder, or an fsspec URL such as s3://bucket/releases.

    Raises:
        UsageError: the folder does not exist or is a file, or the URL's protocol is not known.
        Unavailable: the object store does not answer.
    """
    files, root = open_store(releases)
    listed = []
    for name in _names(files, root, releases):
        content = _manifest_bytes(files, f"{root}/{name}")
        if content is not None:
            listed.append(_listed(ReleaseId(name), content))
    return sorted(listed, key=_newest_first)


def list_unfinished(releases: str) -> list[UnfinishedRelease]:
    """Folders that bear a release's id and have no manifest: being published, broken off, or half removed.

    Other folders may lie beside the releases; they are none of these.

    Raises:
        UsageError: see `list_releases`.
        Unavailable: the object store does not answer.
    """
    files, root = open_store(releases)
    return [
        UnfinishedRelease(ReleaseId(name), _last_written(files, f"{root}/{name}"))
        for name in _names(files, root, releases)
        if MADE_RELEASE_ID.fullmatch(name) and _manifest_bytes(files, f"{root}/{name}") is None
    ]


def read_release_manifest(releases: str, release_id: ReleaseId) -> ReleaseManifest:
    """The manifest of one release.

    Raises:
        InvalidRelease: there is no such release, or its manifest cannot be read.
        UsageError: the URL's protocol is not known.
        Unavailable: the object store does not answer.
    """
    files, root = open_store(releases)
    content = _manifest_bytes(files, f"{root}/{release_id}")
    if content is None:
        raise InvalidRelease(f"no release {release_id!r} in {releases}; see `millrace releases list`")
    listed = _listed(release_id, content)
    if listed.manifest is None:
        raise InvalidRelease(f"release {release_id}: {listed.problem}")
    return listed.manifest


def verify_release(releases: str, release_id: ReleaseId) -> ReleaseManifest:
    """Compare every file of a release with its hash in the manifest, where it lies.

    Raises:
        InvalidRelease: it is incomplete or corrupt.
        UsageError: the URL's protocol is not known.
        Unavailable: the object store does not answer.
    """
    manifest = read_release_manifest(releases, release_id)
    files, root = open_store(releases)
    for name, promised in manifest.files.items():
        try:
            found = _sha256(files, f"{root}/{release_id}/{name}")
        except FileNotFoundError as error:
            raise InvalidRelease(f"release {release_id}: {name} is missing") from error
        except Exception as error:  # each object store's client raises errors of its own classes
            raise Unavailable(f"{releases}/{release_id}/{name}: {error}") from error
        if found != promised.sha256:
            raise InvalidRelease(
                f"release {release_id}: {name} is corrupt: SHA-256 {found}, not {promised.sha256}"
            )
    return manifest


def _names(files: Any, root: str, releases: str) -> list[str]:
    """What lies in the folder of releases."""
    try:
        files.invalidate_cache()
        names = sorted(path.rstrip("/").rpartition("/")[2] for path in files.ls(root, detail=False))
        is_file = files.isfile(root)
    except FileNotFoundError as error:
        raise UsageError(
            f"{releases}: no such folder of releases; set MILLRACE_RELEASES or --releases"
        ) from error
    except Exception as error:  # each object store's client raises errors of its own classes
        raise Unavailable(f"{releases}: {error}") from error
    if is_file:
        raise UsageError(f"{releases}: a file, not a folder of releases; set MILLRACE_RELEASES or --releases")
    return names


def _last_written(files: Any, folder: str) -> datetime | None:
    """When the youngest file of a folder was written, or the folder; None where the store does not tell."""
    try:
        moments: list[datetime] = [files.modified(path) for path in files.find(folder) or [folder]]
    except (NotImplementedError, FileNotFoundError):
        return None
    except Exception as error:  # each object store's client raises errors of its own classes
        raise Unavailable(f"{folder}: {error}") from error
    return max(moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in moments)


def _manifest_bytes(files: Any, folder: str) -> bytes | None:
    try:
        return bytes(files.cat_file(f"{folder}/{MANIFEST_FILE}"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # each object store's client raises errors of its own classes
        raise Unavailable(f"{folder}/{MANIFEST_FILE}: {error}") from error


def _listed(release_id: ReleaseId, content: bytes) -> ListedRelease:
    try:
        manifest = decode_release_manifest(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return ListedRelease(release_id, None, str(error))
    if manifest.release_id != release_id:
        return ListedRelease(release_id, None, f"its manifest is that of {manifest.release_id}")
    return ListedRelease(release_id, manifest)


def _newest_first(release: ListedRelease) -> tuple[bool, float]:
    return release.manifest is None, -release.manifest.created_at.timestamp() if release.manifest else 0.0


def _sha256(files: Any, path: str) -> str:
    digest = hashlib.sha256()
    with files.open(path, "rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
