"""Builders of side indexes: real files and hashes."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from models.ranking import SCORED_ROW
from models.side_index import SideItems, write_side_files
from models.vocabulary import Vocabulary
from schemas.ids import ItemId, ReleaseId
from schemas.release_manifest import MANIFEST_FILE
from schemas.side_index_manifest import SideIndexManifest, encode_side_index_manifest, side_index_folder


def some_side_items(vectors: NDArray[np.float32]) -> SideItems:
    """Items n0, n1, … with these vectors; popular in this order."""
    n = len(vectors)
    popular = np.array([(row, (n - row) / 1000) for row in range(n)], dtype=SCORED_ROW)
    return SideItems(Vocabulary([ItemId(f"n{row}") for row in range(n)]), vectors, popular)


def write_side_index(
    releases: Path,
    release_id: ReleaseId,
    version: int,
    items: SideItems,
    changed: Callable[[SideIndexManifest], SideIndexManifest] = lambda manifest: manifest,
) -> Path:
    """Write a side index where workers look for it; its folder.

    Args:
        releases: the folder of releases.
        release_id: whose new items they are.
        version: of it.
        items: what it holds.
        changed: what the manifest becomes.
    """
    folder = releases / side_index_folder(release_id, version)
    folder.mkdir(parents=True)
    manifest = SideIndexManifest(
        release_id=release_id,
        version=version,
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        items=len(items),
        index_dim=items.vectors.shape[1],
        files=write_side_files(folder, items),
        query_length=items.query_length or UNSET,
    )
    (folder / MANIFEST_FILE).write_bytes(encode_side_index_manifest(changed(manifest)))
    return folder
