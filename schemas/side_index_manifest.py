"""SideIndexManifest v1: `manifest.json` of a side index, written last; without it there is no side index.

A side index holds the new items of one release: those that appeared after its training. Writer:
`retrain.side_index.side_index_publishing`. Readers: `models.side_index`, `streams.side_index_fetching`.
"""

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from schemas.errors import InvalidRelease
from schemas.ids import ReleaseId
from schemas.release_manifest import FileDigest

SCHEMA_VERSION = 1
SIDE_INDEXES = "side-indexes"
"""The folder beside the releases: a side index lies under `side-indexes/<release_id>/<version>/`."""


class SideIndexManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What one needs to know to search a side index beside its release."""

    release_id: ReleaseId
    """The release whose queries it answers; beside another one it means nothing."""
    version: int
    """Rises with every side index that is built, of whatever release."""
    created_at: datetime
    items: int
    index_dim: int
    files: dict[str, FileDigest]
    query_length: float | UnsetType = UNSET
    """Of recent queries, the mean; see `models.side_index.SideItems`."""
    schema_version: int = SCHEMA_VERSION


_DECODER = msgspec.json.Decoder(SideIndexManifest)


def side_index_folder(release_id: ReleaseId, version: int) -> str:
    """Where a side index lies, below the folder of releases."""
    return f"{SIDE_INDEXES}/{release_id}/{version}"


def encode_side_index_manifest(manifest: SideIndexManifest) -> bytes:
    """Indented JSON bytes of the manifest."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2)


def decode_side_index_manifest(value: bytes, where: str) -> SideIndexManifest:
    """The manifest from its bytes.

    Args:
        value: the bytes.
        where: they lie, for the message.

    Raises:
        InvalidRelease: the bytes are no SideIndexManifest of a known version.
    """
    try:
        manifest = _DECODER.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRelease(f"{where}: {error}") from error
    if manifest.schema_version != SCHEMA_VERSION:
        raise InvalidRelease(
            f"{where}: manifest of version {manifest.schema_version}; version {SCHEMA_VERSION} is known"
        )
    return manifest
