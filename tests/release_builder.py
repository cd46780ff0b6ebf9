"""Builders of releases as the lookup reads them: real files and hashes, but no encoder."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.ranking import SCORED_ROW
from models.release import (
    ENCODER_FILE,
    POPULAR_FILE,
    SIMILAR_FILE,
    VECTORS_FILE,
    VOCABULARY_FILE,
    sha256_of,
)
from models.vocabulary import Vocabulary
from schemas.ids import ItemId, ReleaseId
from schemas.release_manifest import (
    MANIFEST_FILE,
    DataRange,
    EncoderSpec,
    FileDigest,
    IndexSpec,
    ReleaseManifest,
    encode_release_manifest,
)


def write_release_tables(
    releases: Path,
    release_id: str,
    item_ids: list[str],
    vectors: NDArray[np.float32] | None = None,
    similar: NDArray[np.void] | None = None,
) -> ReleaseId:
    """A release folder that passes verification: `popular` in the order given, `similar` the items after it.

    Its encoder is not one: `load_tables` serves it, `load_release` refuses it.

    Args:
        releases: the folder of releases.
        release_id: its name.
        item_ids: its items.
        vectors: float32 [items, 4], the last column a bias; by default zeros.
        similar: in place of the items after each.
    """
    folder = releases / release_id
    folder.mkdir(parents=True)
    items = len(item_ids)
    popular = np.array([(row, (items - row) / 10) for row in range(items)], dtype=SCORED_ROW)
    after = [[((row + step) % items, 1 - step / 10) for step in range(1, items)] for row in range(items)]
    (folder / ENCODER_FILE).write_bytes(b"not an encoder")
    np.save(folder / VECTORS_FILE, np.zeros((items, 4), dtype=np.float32) if vectors is None else vectors)
    np.save(folder / POPULAR_FILE, popular)
    if similar is None:
        similar = np.array(after, dtype=SCORED_ROW).reshape(items, items - 1)
    np.save(folder / SIMILAR_FILE, similar)
    Vocabulary([ItemId(item_id) for item_id in item_ids]).save(folder / VOCABULARY_FILE)
    manifest = a_manifest(
        release_id,
        items=items,
        files={
            path.name: FileDigest(sha256_of(path), path.stat().st_size) for path in sorted(folder.iterdir())
        },
    )
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(manifest))
    return manifest.release_id


def corrupt(releases: Path, release_id: ReleaseId, name: str = VECTORS_FILE) -> None:
    """Change one byte of a release's file after it was published."""
    path = releases / release_id / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def a_manifest(
    release_id: str = "r1", items: int = 3, files: dict[str, FileDigest] | None = None
) -> ReleaseManifest:
    """A manifest with all fields filled."""
    return ReleaseManifest(
        release_id=ReleaseId(release_id),
        created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        strategy="gru4rec",
        items=items,
        session_gap_s=1800.0,
        encoder=EncoderSpec(
            item_dim=4,
            state_size=4,
            index_dim=4,
            opset=18,
            event_type_codes={"view": 0, "cart": 1, "purchase": 2},
        ),
        index=IndexSpec(kind="exact"),
        data=DataRange(
            events=10,
            sessions=4,
            items=items,
            first_event_at=datetime(2026, 1, 1, tzinfo=UTC),
            last_event_at=datetime(2026, 1, 2, tzinfo=UTC),
            sha256="00" * 32,
        ),
        config={"units": 4},
        metrics={"recall@20": 0.5, "mrr@20": 0.25},
        code_version="0.1.0",
        files=files if files is not None else {"encoder.onnx": FileDigest("11" * 32, 14)},
    )
