"""New items beside a release of strategy `als`: the equations by brute force, and planted sessions."""

import numpy as np
import pytest

from models.als_fold_in import whitened
from models.model_config import ModelConfig
from models.release import Release
from retrain.side_index.kind_evidence import OfKind
from retrain.side_index.new_item_counts import Sums
from retrain.side_index.new_item_factors import MODERATION, FactorSpace, whitened_ridge
from retrain.side_index.query_spaces import Learned
from schemas.ids import ItemId
from schemas.item_metadata import ItemMetadata
from tests.retrain.side_index.ring_walks import learned, listed, ring_kinds, ring_release, walks

SMALL = ModelConfig(strategy="als", als_factors=16, als_regularization=0.1, test_share=0)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Trained on rings of items; the next item is the next of the ring."""
    return ring_release(tmp_path_factory.mktemp("releases"), SMALL)


def test_ridge_is_the_regularization_of_factors_in_the_space_of_their_whitened_vectors() -> None:
    factors = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    expected = 3.0 * (factors.T @ factors + 3.0 * np.eye(6))
    assert whitened_ridge(whitened(factors, 3.0), 3.0) == pytest.approx(expected, rel=1e-3)


def test_vectors_solve_the_regression_of_each_item() -> None:
    random = np.random.default_rng(2)
    vectors = whitened(random.normal(size=(40, 4)).astype(np.float32), 2.0)
    sample = random.normal(size=(30, 4)).astype(np.float32)
    led = np.array([0.0, 3.0, 2.5])
    queries = random.normal(size=(3, 4)) * led[:, None]
    kinds = OfKind(np.zeros((3, 4)), np.zeros(3))
    sums = Sums(queries, led, led, led)
    found = FactorSpace(vectors, 2.0, 40.0).vectors(Learned(sums, kinds, sample, 500.0))

    ridge = whitened_ridge(vectors, 2.0)
    for at, n in enumerate(led):
        mean = queries[at] / n if n else np.zeros(4)
        left = 500.0 * sample.T @ sample / 30 + ridge + 39.0 * n * np.outer(mean, mean)
        solved = np.linalg.solve(left, 40.0 * n * mean)
        assert found[at] == pytest.approx(MODERATION * solved, rel=1e-3, abs=1e-6)


def test_mean_of_the_kind_counts_less_the_more_queries_led_to_an_item_or_did_not() -> None:
    vectors = whitened(np.random.default_rng(3).normal(size=(40, 4)).astype(np.float32), 2.0)
    led, exposure = np.array([0.0, 0.0, 5.0]), np.array([0.0, 3000.0, 0.0])
    kinds = OfKind(np.tile([1.0, 0, 0, 0], (3, 1)), np.zeros(3))
    learned = Learned(
        Sums(np.zeros((3, 4)), led, led, exposure), kinds, np.ones((1, 4), dtype=np.float32), 1.0
    )
    first = FactorSpace(vectors, 2.0, 40.0).vectors(learned)[:, 0]
    assert first / first[0] == pytest.approx([1, 0.25, 0.5])


def test_new_item_is_recommended_to_sessions_like_those_that_led_to_it_and_to_no_others(
    release: Release,
) -> None:
    items = learned(release, walks({"2-4": "fresh"}, sessions=400)).build()
    assert items.vocabulary.item_ids == ("fresh",)
    assert "fresh" in listed(release, items, "2-3", "2-4", k=5)
    for item_id in ("0-4", "1-2", "3-7", "4-0"):
        assert "fresh" not in listed(release, items, item_id, k=5), item_id


def test_item_of_the_catalogue_is_recommended_beside_its_kind_before_anyone_has_seen_it(
    release: Release,
) -> None:
    kinds = ring_kinds()
    kinds.describe(ItemMetadata(item_id=ItemId("unseen"), category="ring 1"))
    items = learned(release, walks({}, sessions=200), kinds).build()
    assert items.vocabulary.item_ids == ("unseen",)
    assert "unseen" in listed(release, items, "1-0", "1-1", k=9)
    assert "unseen" not in listed(release, items, "3-0", "3-1", k=9)
