"""SideIndex: the new items of one release, searched exactly beside its index; immutable.

Owns its files and what makes them whole. An item that the release does not know has no row there; here it has
one, which follows the release's rows in lists. Makers: `retrain.side_index`; callers: `models.list_ranker`,
the shells that load one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from index.exact_index import ExactIndex
from models.ranking import SCORED_ROW
from models.release import POPULAR_FILE, VECTORS_FILE, VOCABULARY_FILE, ReleaseTables, sha256_of
from models.vocabulary import Vocabulary, load_vocabulary
from schemas.errors import InvalidRelease
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE, FileDigest
from schemas.side_index_manifest import SideIndexManifest, decode_side_index_manifest

SIDE_FILES = (VECTORS_FILE, VOCABULARY_FILE, POPULAR_FILE)


@dataclass(frozen=True, eq=False)
class SideItems:
    """New items, ready to be searched."""

    vocabulary: Vocabulary
    """Their ids; none that the release knows."""
    vectors: NDArray[np.float32]
    """float32 [items, index_dim]: the inner product with a query is the item's score, as of a known item."""
    popular: NDArray[np.void]
    """`SCORED_ROW` [p], the items' rows here and shares of all events, greatest first."""
    query_length: float = field(default=0.0, kw_only=True)
    """Of recent queries, without the part that takes a bias, the mean; 0: not known."""

    def __len__(self) -> int:
        return len(self.vocabulary)


@dataclass(frozen=True, eq=False)
class SideIndex(SideItems):
    """One published version of the new items of a release."""

    release_id: ReleaseId
    version: int

    def search(self, queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The n new items with the greatest inner product of each query; see `ItemIndex.search`.

        Args:
            queries: float32 [batch, index_dim].
            n: how many, at least 1.
        """
        return self._index.search(queries, n)

    @cached_property
    def _index(self) -> ExactIndex:
        return ExactIndex(self.vectors)


def write_side_files(folder: Path, items: SideItems) -> dict[str, FileDigest]:
    """Write the files of a side index, all but its manifest; what they are, for that."""
    np.save(folder / VECTORS_FILE, items.vectors)
    items.vocabulary.save(folder / VOCABULARY_FILE)
    np.save(folder / POPULAR_FILE, items.popular)
    return {
        name: FileDigest(sha256=sha256_of(folder / name), bytes=(folder / name).stat().st_size)
        for name in SIDE_FILES
    }


def load_side_index(folder: Path, release: ReleaseTables) -> SideIndex:
    """Verify a side index and load it whole, into memory.

    Args:
        folder: a local one.
        release: that it is to be searched beside.

    Raises:
        InvalidRelease: it is incomplete, corrupt, of an unknown version or of another release; nothing of it
            is served then.
    """
    try:
        manifest = decode_side_index_manifest((folder / MANIFEST_FILE).read_bytes(), str(folder))
    except OSError as error:
        raise InvalidRelease(
            f"{folder} is no side index: {MANIFEST_FILE} cannot be read ({error.strerror})"
        ) from error
    verify_side_files(folder, manifest.files)
    vocabulary = load_vocabulary(folder / VOCABULARY_FILE)
    vectors, popular = np.load(folder / VECTORS_FILE), np.load(folder / POPULAR_FILE)
    problem = _problem(manifest, release, vocabulary, vectors, popular)
    if problem:
        raise InvalidRelease(f"side index {folder}: {problem}")
    length = 0.0 if manifest.query_length is UNSET else manifest.query_length
    return SideIndex(vocabulary, vectors, popular, manifest.release_id, manifest.version, query_length=length)


def verify_side_files(folder: Path, files: Mapping[str, FileDigest]) -> None:
    """Compare every file with its SHA-256, before anything of it is loaded.

    Raises:
        InvalidRelease: a file is missing or differs, or one that is needed is not in the manifest.
    """
    if missing := set(SIDE_FILES) - files.keys():
        raise InvalidRelease(f"side index {folder}: the manifest lists no {', '.join(sorted(missing))}")
    for name in SIDE_FILES:
        try:
            found = sha256_of(folder / name)
        except OSError as error:
            raise InvalidRelease(f"side index {folder}: {name} cannot be read ({error.strerror})") from error
        if found != files[name].sha256:
            raise InvalidRelease(
                f"side index {folder}: {name} is corrupt, its SHA-256 is {found}, not {files[name].sha256}"
            )


def _problem(
    manifest: SideIndexManifest,
    release: ReleaseTables,
    vocabulary: Vocabulary,
    vectors: NDArray[np.float32],
    popular: NDArray[np.void],
) -> str:
    """What keeps it from being searched beside the release; empty where nothing does."""
    shape = (manifest.items, release.manifest.encoder.index_dim)
    if manifest.release_id != release.release_id:
        return f"it is of release {manifest.release_id}, not of {release.release_id}"
    if len(vocabulary) != manifest.items or vectors.shape != shape:
        return f"{len(vocabulary)} items with vectors of shape {vectors.shape}, where {shape} is promised"
    if vectors.dtype != np.float32 or not np.isfinite(vectors).all():
        return "its vectors have values that are no finite float32"
    if popular.dtype != SCORED_ROW or not ((popular["row"] >= 0) & (popular["row"] < len(vocabulary))).all():
        return f"{POPULAR_FILE} has the wrong type or rows"
    if known := [one for one in vocabulary.item_ids if one in release.vocabulary.known_rows]:
        return f"item {known[0]!r} is in the vocabulary of the release"
    return ""
