"""Publishing a side index: new items -> the folder or object store of releases, whole or not at all.

Owns the order: every file, then `manifest.json`; a reader sees no side index before that. Old versions go the
other way round. Writer: of `side-indexes/` in the store of releases. Readers: `streams.side_index_fetching`.
Caller: `retrain.side_index.side_index_building`.
"""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fsspec
from msgspec import UNSET

from models.release import Release
from models.side_index import SIDE_FILES, SideItems, write_side_files
from retrain.lasting_files import make_folder, rename_last, to_disk
from schemas.errors import Unavailable, UsageError
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE
from schemas.side_index_manifest import (
    SIDE_INDEXES,
    SideIndexManifest,
    encode_side_index_manifest,
    side_index_folder,
)

KEPT_VERSIONS = 5
"""Of each release; a worker may be about to load one that was announced some versions ago."""


class SideIndexStore:
    """The side indexes of a folder or object store of releases."""

    def __init__(self, releases: str) -> None:
        """Open the store.

        Args:
            releases: a folder, or an fsspec URL such as s3://bucket/releases.

        Raises:
            UsageError: the URL's protocol is not known.
        """
        try:
            self._files, root = fsspec.core.url_to_fs(releases)
        except (ImportError, ValueError) as error:
            raise UsageError(f"MILLRACE_RELEASES={releases}: {error}") from error
        self._root = str(root).rstrip("/")

    def publish(
        self, items: SideItems, release: Release, version: int, created_at: datetime
    ) -> SideIndexManifest:
        """Write one version.

        Args:
            items: the new items.
            release: theirs.
            version: claimed by the caller alone.
            created_at: the present, with a zone.

        Raises:
            Unavailable: the store does not answer, or cannot be written.
        """
        with TemporaryDirectory(prefix="millrace-side-index-") as name:
            folder = Path(name)
            manifest = SideIndexManifest(
                release_id=release.release_id,
                version=version,
                created_at=created_at,
                items=len(items),
                index_dim=release.manifest.encoder.index_dim,
                files=write_side_files(folder, items),
                query_length=items.query_length or UNSET,
            )
            (folder / MANIFEST_FILE).write_bytes(encode_side_index_manifest(manifest))
            self._put(folder, f"{self._root}/{side_index_folder(release.release_id, version)}")
        return manifest

    def remove_old(self, release_id: ReleaseId, newest: int) -> list[int]:
        """Delete the versions of a release that lie `KEPT_VERSIONS` or more below the newest; which.

        Raises:
            Unavailable: the store does not answer, or cannot be written.
        """
        folder = f"{self._root}/{SIDE_INDEXES}/{release_id}"
        try:
            self._files.invalidate_cache()
            names = [path.rstrip("/").rpartition("/")[2] for path in self._files.ls(folder, detail=False)]
            older = sorted(int(name) for name in names if name.isdecimal() and int(name) < newest)
            old = older[: max(0, len(older) + 1 - KEPT_VERSIONS)]
            for version in old:
                self._remove(f"{folder}/{version}")
        except Exception as error:  # each object store's client raises errors of its own classes
            raise Unavailable(f"{folder}: {error}") from error
        return old

    def remove_orphans(self) -> list[str]:
        """Delete the side indexes of releases that are not in the store any more; which releases.

        Raises:
            Unavailable: the store does not answer, or cannot be written.
        """
        folder = f"{self._root}/{SIDE_INDEXES}"
        try:
            self._files.invalidate_cache()
            if not self._files.isdir(folder):
                return []
            names = [path.rstrip("/").rpartition("/")[2] for path in self._files.ls(folder, detail=False)]
            gone = [one for one in names if not self._files.exists(f"{self._root}/{one}/{MANIFEST_FILE}")]
            for name in gone:
                self._files.rm(f"{folder}/{name}", recursive=True)
        except Exception as error:  # each object store's client raises errors of its own classes
            raise Unavailable(f"{folder}: {error}") from error
        return gone

    def _put(self, folder: Path, target: str) -> None:
        """Copy; the manifest last, in a folder by a rename, so that nobody reads a part of it."""
        is_local = "file" in self._files.protocol
        try:
            if is_local:
                make_folder(Path(target))
            self._files.makedirs(target, exist_ok=True)
            for name in SIDE_FILES:
                self._files.put_file(str(folder / name), f"{target}/{name}")
            if is_local:
                unfinished = f"{target}/.{MANIFEST_FILE}"
                self._files.put_file(str(folder / MANIFEST_FILE), unfinished)
                for name in SIDE_FILES:
                    to_disk(Path(target, name))
                rename_last(Path(unfinished), Path(target, MANIFEST_FILE))
            else:
                self._files.put_file(str(folder / MANIFEST_FILE), f"{target}/{MANIFEST_FILE}")
        except Exception as error:  # each object store's client raises errors of its own classes
            raise Unavailable(f"{target}: {error}") from error

    def _remove(self, folder: str) -> None:
        """Delete one version; the manifest first."""
        manifest: Any = f"{folder}/{MANIFEST_FILE}"
        if self._files.exists(manifest):
            self._files.rm_file(manifest)
        self._files.rm(folder, recursive=True)
