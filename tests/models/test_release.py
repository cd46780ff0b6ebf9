"""Releases: what is verified before anything is loaded, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.release import (
    ENCODER_FILE,
    POPULAR_FILE,
    VECTORS_FILE,
    VOCABULARY_FILE,
    load_release,
    load_tables,
    read_manifest,
    sha256_of,
)
from models.trainable_weights import WEIGHTS_FILE
from models.vocabulary import Vocabulary
from schemas.errors import InvalidRelease
from schemas.ids import ItemId
from schemas.release_manifest import (
    MANIFEST_FILE,
    FileDigest,
    decode_release_manifest,
    encode_release_manifest,
)
from tests.successor_release import write_successor_release

ITEMS = ["a", "b", "c", "d"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_successor_release(tmp_path, "r1", ITEMS)
    return tmp_path / "r1"


def sign_again(folder: Path) -> None:
    """Give the manifest the hashes of the files as they now are."""
    manifest = decode_release_manifest((folder / MANIFEST_FILE).read_bytes())
    for name in manifest.files:
        manifest.files[name] = FileDigest(sha256_of(folder / name), (folder / name).stat().st_size)
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(manifest))


def test_whole_release_is_loaded(folder: Path) -> None:
    release = load_release(folder)
    assert release.release_id == "r1"
    assert list(release.vocabulary.item_ids) == ITEMS
    assert release.item_vectors.shape == (4, 4)
    assert release.popular["row"].tolist() == [0, 1, 2, 3]


def test_tables_load_without_the_encoder(folder: Path) -> None:
    tables = load_tables(folder)
    assert tables.release_id == "r1"
    assert tables.similar.shape == (4, 3)


def test_folder_without_a_manifest_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(InvalidRelease, match="no release"):
        read_manifest(tmp_path)


def test_manifest_that_is_not_one_is_refused(folder: Path) -> None:
    (folder / MANIFEST_FILE).write_bytes(b"{}")
    with pytest.raises(InvalidRelease, match="manifest"):
        load_release(folder)


@pytest.mark.parametrize("name", [ENCODER_FILE, VECTORS_FILE, VOCABULARY_FILE, POPULAR_FILE])
def test_changed_byte_is_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(InvalidRelease, match=f"{name} is corrupt"):
        load_release(folder)


def test_missing_file_is_refused(folder: Path) -> None:
    (folder / VECTORS_FILE).unlink()
    with pytest.raises(InvalidRelease, match=f"{VECTORS_FILE} cannot be read"):
        load_release(folder)


def test_weights_of_the_training_may_be_missing_and_not_be_others(folder: Path) -> None:
    manifest, weights = read_manifest(folder), folder / WEIGHTS_FILE
    weights.write_bytes(b"weights")
    manifest.files[WEIGHTS_FILE] = FileDigest(sha256_of(weights), 7)
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(manifest))
    assert load_release(folder).release_id == "r1"
    weights.write_bytes(b"changed")
    with pytest.raises(InvalidRelease, match=f"{WEIGHTS_FILE} is corrupt"):
        load_release(folder)
    weights.unlink()
    assert load_release(folder).release_id == "r1"


def test_manifest_that_lists_too_little_is_refused(folder: Path) -> None:
    manifest = read_manifest(folder)
    del manifest.files[VECTORS_FILE]
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(manifest))
    with pytest.raises(InvalidRelease, match=f"lists no {VECTORS_FILE}"):
        load_release(folder)


def test_vectors_of_another_shape_are_refused(folder: Path) -> None:
    np.save(folder / VECTORS_FILE, np.zeros((4, 5), np.float32))
    sign_again(folder)
    with pytest.raises(InvalidRelease, match="shape"):
        load_release(folder)


@pytest.mark.parametrize("vectors", [np.full((4, 4), np.nan, np.float32), np.zeros((4, 4), np.float64)])
def test_vectors_that_are_no_finite_floats_are_refused(folder: Path, vectors: NDArray[np.generic]) -> None:
    np.save(folder / VECTORS_FILE, vectors)
    sign_again(folder)
    with pytest.raises(InvalidRelease, match="no finite float32"):
        load_release(folder)


def test_vocabulary_of_another_length_is_refused(folder: Path) -> None:
    Vocabulary([ItemId("a")]).save(folder / VOCABULARY_FILE)
    sign_again(folder)
    with pytest.raises(InvalidRelease, match="1 items in the vocabulary, 4 in the manifest"):
        load_release(folder)


def test_vocabulary_that_is_none_is_refused(folder: Path) -> None:
    (folder / VOCABULARY_FILE).write_bytes(b"\xc1")
    sign_again(folder)
    with pytest.raises(InvalidRelease, match=VOCABULARY_FILE):
        load_release(folder)


def test_popular_of_another_type_is_refused(folder: Path) -> None:
    np.save(folder / POPULAR_FILE, np.zeros(3))
    sign_again(folder)
    with pytest.raises(InvalidRelease, match="wrong type"):
        load_release(folder)


def test_encoder_that_is_no_graph_is_refused(folder: Path) -> None:
    (folder / ENCODER_FILE).write_bytes(b"not a graph")
    sign_again(folder)
    with pytest.raises(InvalidRelease, match=ENCODER_FILE):
        load_release(folder)


def test_encoder_of_other_sizes_is_refused(folder: Path, tmp_path: Path) -> None:
    write_successor_release(tmp_path, "larger", [*ITEMS, "e"])
    (folder / ENCODER_FILE).write_bytes((tmp_path / "larger" / ENCODER_FILE).read_bytes())
    sign_again(folder)
    with pytest.raises(InvalidRelease, match="the manifest says 4"):
        load_release(folder)
