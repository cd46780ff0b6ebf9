"""Release: everything that one training produced, verified and loaded, immutable.

Reads a local folder; fetching a release into one is the shells' work. Callers: the worker, the lookup (tables
only), the evaluator.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.item_index import ItemIndex, load_index
from models.encoder import OnnxEncoder
from models.ranking import SCORED_ROW
from models.repeat_bias import load_repeat_bias
from models.servable_model import index_vectors
from models.trainable_weights import WEIGHTS_FILE
from models.vocabulary import Vocabulary, load_vocabulary
from schemas.errors import InvalidRelease
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE, ReleaseManifest, decode_release_manifest

ENCODER_FILE = "encoder.onnx"
VECTORS_FILE = "item_vectors.npy"
VOCABULARY_FILE = "vocabulary.msgpack"
INDEX_FILE = "index.faiss"
POPULAR_FILE = "popular.npy"
SIMILAR_FILE = "similar.npy"
REPEAT_BIAS_FILE = "repeat_bias.npy"
"""Not in every release: a model may have no repeat bias."""
NOT_SERVED = frozenset({WEIGHTS_FILE})
"""What trainings alone read: where a release is served from, it may be missing."""
_READ_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class ReleaseTables:
    """What the lookup needs of a release: no encoder, no index."""

    manifest: ReleaseManifest
    vocabulary: Vocabulary
    popular: NDArray[np.void]
    """`SCORED_ROW` [p], most popular first."""
    similar: NDArray[np.void]
    """`SCORED_ROW` [items, m], memory-mapped."""
    item_vectors: NDArray[np.float32]
    """float32 [items, item_dim], memory-mapped, so that the processes of a machine share one copy."""

    @property
    def release_id(self) -> ReleaseId:
        """The release's id."""
        return self.manifest.release_id


@dataclass(frozen=True, eq=False)
class Release(ReleaseTables):
    """A whole release, ready to serve."""

    encoder: OnnxEncoder
    index: ItemIndex
    repeat_bias: NDArray[np.float32] | None = None
    """float32, of `models.repeat_bias.SERVED_SHAPE`; None: an item's score does not depend on its having
    occurred."""


def read_manifest(folder: Path) -> ReleaseManifest:
    """The manifest of a release folder.

    Raises:
        InvalidRelease: there is none (then there is no release), or it cannot be read.
    """
    path = folder / MANIFEST_FILE
    try:
        return decode_release_manifest(path.read_bytes())
    except OSError as error:
        raise InvalidRelease(
            f"{folder} is no release: {MANIFEST_FILE} cannot be read ({error.strerror})"
        ) from error
    except msgspec.DecodeError as error:
        raise InvalidRelease(f"{path}: {error}") from error


def verify_files(folder: Path, manifest: ReleaseManifest) -> None:
    """Compare every file with its SHA-256 in the manifest, before anything of it is loaded.

    A file of `NOT_SERVED` may be missing.

    Raises:
        InvalidRelease: a file is missing or differs, or one that serving needs is not in the manifest.
    """
    needed = {ENCODER_FILE, VECTORS_FILE, VOCABULARY_FILE, POPULAR_FILE, SIMILAR_FILE}
    if missing := needed - manifest.files.keys():
        raise InvalidRelease(
            f"release {manifest.release_id}: the manifest lists no {', '.join(sorted(missing))}"
        )
    for name, promised in manifest.files.items():
        if name in NOT_SERVED and not (folder / name).exists():
            continue
        try:
            found = sha256_of(folder / name)
        except OSError as error:
            raise InvalidRelease(
                f"release {manifest.release_id}: {name} cannot be read ({error.strerror})"
            ) from error
        if found != promised.sha256:
            raise InvalidRelease(
                f"release {manifest.release_id}: {name} is corrupt, its SHA-256 is {found}, not "
                f"{promised.sha256}"
            )


def load_tables(folder: Path) -> ReleaseTables:
    """Verify a release and load what the lookup needs of it.

    Raises:
        InvalidRelease: the release is incomplete, corrupt or of an unknown version.
    """
    manifest = read_manifest(folder)
    verify_files(folder, manifest)
    return _tables(folder, manifest)


def load_release(folder: Path, threads: int = 1) -> Release:
    """Verify a release and load it whole.

    Args:
        folder: the release's folder.
        threads: threads of one encoder step and one search.

    Raises:
        InvalidRelease: the release is incomplete, corrupt or of an unknown version; nothing of it is served
        then.
    """
    manifest = read_manifest(folder)
    verify_files(folder, manifest)
    return assemble_release(folder, manifest, threads)


def assemble_release(folder: Path, manifest: ReleaseManifest, threads: int = 1) -> Release:
    """Load a release whose files are known to be what they should be: verified, or just written.

    Arguments and errors as of `load_release`; the manifest need not be in the folder yet.
    """
    tables = _tables(folder, manifest)
    return Release(
        manifest=manifest,
        vocabulary=tables.vocabulary,
        popular=tables.popular,
        similar=tables.similar,
        item_vectors=tables.item_vectors,
        encoder=OnnxEncoder(folder / ENCODER_FILE, manifest.encoder, threads),
        index=load_index(
            manifest.index.kind,
            folder / INDEX_FILE,
            index_vectors(tables.item_vectors, manifest.encoder.index_dim),
            manifest.index.parameters,
        ),
        repeat_bias=load_repeat_bias(folder / REPEAT_BIAS_FILE)
        if REPEAT_BIAS_FILE in manifest.files
        else None,
    )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _tables(folder: Path, manifest: ReleaseManifest) -> ReleaseTables:
    vocabulary = load_vocabulary(folder / VOCABULARY_FILE)
    if len(vocabulary) != manifest.items:
        raise InvalidRelease(
            f"release {manifest.release_id}: {len(vocabulary)} items in the vocabulary, {manifest.items} in "
            "the manifest"
        )
    popular = np.load(folder / POPULAR_FILE)
    similar = np.load(folder / SIMILAR_FILE, mmap_mode="r")
    if popular.dtype != SCORED_ROW or similar.dtype != SCORED_ROW or len(similar) != manifest.items:
        raise InvalidRelease(
            f"release {manifest.release_id}: {POPULAR_FILE} or {SIMILAR_FILE} has the wrong type or length"
        )
    return ReleaseTables(
        manifest=manifest,
        vocabulary=vocabulary,
        popular=popular,
        similar=similar,
        item_vectors=_item_vectors(folder, manifest),
    )


def _item_vectors(folder: Path, manifest: ReleaseManifest) -> NDArray[np.float32]:
    item_vectors: NDArray[np.float32] = np.load(folder / VECTORS_FILE, mmap_mode="r")
    if item_vectors.shape != (manifest.items, manifest.encoder.item_dim):
        raise InvalidRelease(f"release {manifest.release_id}: {VECTORS_FILE} has shape {item_vectors.shape}")
    if item_vectors.dtype != np.float32 or not np.isfinite(item_vectors).all():
        raise InvalidRelease(
            f"release {manifest.release_id}: {VECTORS_FILE} has values that are no finite float32"
        )
    return item_vectors
