"""Fetching a release into a local folder: where it lies, or a verified copy of it in the cache.

Owns the cache folder: `<cache>/<release_id>` is complete or absent; the copies that were wanted last are kept
(`streams.release_cache`). Does not load anything of the release.
Callers: `streams.release_watcher`; `streams.side_index_fetching`, the folder or store alone.
"""

import errno
import shutil
import tempfile
from pathlib import Path
from typing import Any

import fsspec
import msgspec

from models.release import NOT_SERVED, read_manifest, verify_files
from schemas.errors import InvalidRelease, Unavailable, UsageError
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE, ReleaseManifest, decode_release_manifest
from streams.release_cache import mark_copied, mark_wanted, prune_cache


def fetch_release(releases: str, release_id: ReleaseId, cache: Path) -> Path:
    """The local folder of a release.

    Args:
        releases: a local folder, whose releases are used in place, or an fsspec URL such as s3://bucket/releases.
        release_id: which one.
        cache: where releases from elsewhere are copied to; one that lies there whole is not copied again.

    Raises:
        InvalidRelease: there is no such release, or what was copied is not what its manifest says.
        OSError: the cache cannot be written, or has no room for it.
        Unavailable: the object store does not answer, or the folder is not there.
        UsageError: the URL's protocol is not known or not installed.
    """
    _check_plain(release_id, "release id")
    if "://" not in releases:
        return _in_place(Path(releases), release_id)
    files, root = open_store(releases)
    if "file" in files.protocol:
        return _in_place(Path(root), release_id)
    source = f"{root}/{release_id}"
    manifest_bytes = _read_manifest_bytes(files, source)
    manifest = _decode(manifest_bytes, source)
    target = cache / release_id
    if _holds(target, manifest_bytes):
        mark_wanted(target)
        return target
    cache.mkdir(parents=True, exist_ok=True)
    _check_room(cache, manifest)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as name:
        copy = Path(name) / release_id
        copy.mkdir()
        _copy_files(files, source, manifest, copy)
        (copy / MANIFEST_FILE).write_bytes(manifest_bytes)
        verify_files(copy, manifest)
        mark_copied(copy)
        _move_into_place(copy, target, manifest_bytes)
    prune_cache(cache)
    return target


def may_pass(error: Exception) -> bool:
    """Whether what kept a release from being fetched or loaded lies with this machine or with the store.

    A file that the release lacks is the release's; one that is there and cannot be read is not.
    """
    if isinstance(error, InvalidRelease):
        return isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, FileNotFoundError)
    return isinstance(error, Unavailable | OSError | MemoryError)


def local_folder(releases: Path) -> Path:
    """The folder of releases itself.

    Raises:
        Unavailable: it is not there.
    """
    if not releases.is_dir():
        raise Unavailable(f"{releases} is no folder on this machine; mount it, or set MILLRACE_RELEASES")
    return releases


def _in_place(releases: Path, release_id: ReleaseId) -> Path:
    folder = local_folder(releases) / release_id
    if not (folder / MANIFEST_FILE).is_file():
        raise InvalidRelease(f"{folder} is no release: it has no {MANIFEST_FILE}")
    return folder


def open_store(releases: str) -> tuple[Any, str]:
    """The file system of an fsspec URL, and the path of the releases in it, without a slash at its end.

    Raises:
        Unavailable: the object store does not answer.
        UsageError: the URL's protocol is not known or not installed.
    """
    try:
        files, root = fsspec.core.url_to_fs(releases)
    except (ImportError, ValueError) as error:
        raise UsageError(f"MILLRACE_RELEASES={releases}: {error}") from error
    except Exception as error:  # a client that connects when it is made raises errors of its own classes
        raise Unavailable(f"{releases}: {error}") from error
    return files, str(root).rstrip("/")


def _read_manifest_bytes(files: Any, source: str) -> bytes:
    try:
        files.invalidate_cache()
        return bytes(files.cat_file(f"{source}/{MANIFEST_FILE}"))
    except FileNotFoundError as error:
        raise InvalidRelease(f"{source} is no release: it has no {MANIFEST_FILE}") from error
    except Exception as error:  # each object store's client raises errors of its own classes
        raise Unavailable(f"{source}/{MANIFEST_FILE}: {error}") from error


def _decode(manifest: bytes, source: str) -> ReleaseManifest:
    try:
        decoded = decode_release_manifest(manifest)
    except msgspec.DecodeError as error:
        raise InvalidRelease(f"{source}/{MANIFEST_FILE}: {error}") from error
    for name in decoded.files:
        _check_plain(name, f"{source}/{MANIFEST_FILE}: file name")
    return decoded


def _served(manifest: ReleaseManifest) -> list[str]:
    """The files that serving needs; a copy has these alone."""
    return [name for name in manifest.files if name not in NOT_SERVED]


def _check_room(cache: Path, manifest: ReleaseManifest) -> None:
    """Find out before the copying: a disk that is filled again and again is everyone's trouble."""
    needed, free = (
        sum(manifest.files[name].bytes for name in _served(manifest)),
        shutil.disk_usage(cache).free,
    )
    if needed > free:
        raise OSError(errno.ENOSPC, f"no room in {cache}: {needed} bytes are needed, {free} are free")


def _copy_files(files: Any, source: str, manifest: ReleaseManifest, copy: Path) -> None:
    for name in _served(manifest):
        try:
            files.get_file(f"{source}/{name}", str(copy / name))
        except FileNotFoundError as error:
            raise InvalidRelease(f"release {manifest.release_id}: {name} is missing in {source}") from error
        except Exception as error:  # each object store's client raises errors of its own classes
            raise Unavailable(f"{source}/{name}: {error}") from error


def _holds(target: Path, manifest_bytes: bytes) -> bool:
    """Whether the cache has the release whole and as the manifest says."""
    try:
        if (target / MANIFEST_FILE).read_bytes() != manifest_bytes:
            return False
        verify_files(target, read_manifest(target))
    except (OSError, InvalidRelease):
        return False
    return True


def _move_into_place(copy: Path, target: Path, manifest_bytes: bytes) -> None:
    """Rename the copy to its place; another process may have been quicker, or have left a broken one."""
    try:
        copy.rename(target)
    except OSError:
        if _holds(target, manifest_bytes):
            return
        target.rename(copy.with_name("broken"))
        copy.rename(target)


def _check_plain(name: str, what: str) -> None:
    """Names become paths: nothing that leads elsewhere."""
    if name in {"", ".", ".."} or "/" in name or "\\" in name or "\0" in name:
        raise InvalidRelease(f"{what} {name!r} is not a plain name")
