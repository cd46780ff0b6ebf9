"""The ALS encoder: ONNX equals the numpy fold-in, event by event."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.als_encoder_export import als_encoder_spec, export_als_encoder
from models.als_fold_in import confidences, fold_in, whitened
from models.encoder import NO_STEP, OnnxEncoder

FACTORS, LAST_ITEMS, ITEMS = 8, 3, 40
CONFIDENCE = confidences(alpha=30, decay=0.2, last_items=LAST_ITEMS)
"""30, 6, 1.2: close to 1, where nothing is added to the matrix."""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    path: Path = tmp_path_factory.mktemp("als") / "encoder.onnx"
    path.write_bytes(export_als_encoder(FACTORS, CONFIDENCE))
    return OnnxEncoder(path, als_encoder_spec(FACTORS, LAST_ITEMS))


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    random = np.random.default_rng(5)
    return whitened(random.normal(size=(ITEMS, FACTORS)).astype(np.float32), 0.5)


def no_state(batch: int) -> NDArray[np.float16]:
    return np.zeros((batch, FACTORS * LAST_ITEMS), dtype=np.float16)


def test_every_step_equals_the_fold_in_of_the_last_items(
    encoder: OnnxEncoder, vectors: NDArray[np.float32]
) -> None:
    random = np.random.default_rng(6)
    state, seen = no_state(16), np.zeros((16, LAST_ITEMS, FACTORS), dtype=np.float32)
    for _ in range(6):
        item = vectors[random.integers(0, ITEMS, 16)]
        query, state = encoder.step(item, np.zeros(16, dtype=np.int64), state)
        exact = np.concatenate([item[:, None], seen[:, :-1]], axis=1)
        np.testing.assert_allclose(query, fold_in(exact, CONFIDENCE), rtol=1e-4, atol=1e-4)
        seen = exact.astype(np.float16).astype(np.float32)
        assert (state == seen.reshape(16, -1).astype(np.float16)).all()


def test_without_an_event_the_state_passes_and_gives_its_query(
    encoder: OnnxEncoder, vectors: NDArray[np.float32]
) -> None:
    types = np.array([0, 2], dtype=np.int64)
    _, before = encoder.step(vectors[:2], types, no_state(2))
    query, after = encoder.step(vectors[2:4], np.array([NO_STEP, 0], dtype=np.int64), before)
    again, unchanged = encoder.step(vectors[4:5], np.array([NO_STEP], dtype=np.int64), before[:1])
    assert (after[0] == before[0]).all()
    assert (after[1] != before[1]).any()
    assert (unchanged[0] == before[0]).all()
    np.testing.assert_allclose(again[0], query[0], rtol=1e-6)


def test_an_item_is_nearest_to_itself(encoder: OnnxEncoder, vectors: NDArray[np.float32]) -> None:
    query, _ = encoder.step(vectors, np.zeros(ITEMS, dtype=np.int64), no_state(ITEMS))
    similarity = query @ vectors.T / np.linalg.norm(vectors, axis=1)
    assert (similarity.argmax(axis=1) == np.arange(ITEMS)).all()


def test_a_state_takes_one_kibibyte_at_most() -> None:
    assert als_encoder_spec(128, 4).state_size == 512
    with pytest.raises(AssertionError):
        export_als_encoder(128, confidences(40, 0.5, 5))
