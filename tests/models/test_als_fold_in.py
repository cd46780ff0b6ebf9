"""ALS fold-in: the solution of the whole least squares, over all items."""

import numpy as np
import pytest

from models.als_fold_in import confidences, fold_in, whitened

FACTORS, ITEMS, REGULARIZATION = 6, 30, 0.7


def scores_of_the_whole_equation(session: list[int], confidence: list[int]) -> np.ndarray:
    item_factors = random_factors()
    matrix = item_factors.T @ item_factors + REGULARIZATION * np.eye(FACTORS)
    target = np.zeros(FACTORS)
    for row, value in zip(session, confidence, strict=True):
        matrix += (value - 1) * np.outer(item_factors[row], item_factors[row])
        target += value * item_factors[row]
    return item_factors @ np.linalg.solve(matrix, target)


def random_factors() -> np.ndarray:
    return np.random.default_rng(4).normal(size=(ITEMS, FACTORS))


@pytest.mark.parametrize("session", [[3], [3, 7, 21], [5, 5, 9]])
def test_whitened_fold_in_scores_like_the_whole_equation(session: list[int]) -> None:
    vectors = whitened(random_factors().astype(np.float32), REGULARIZATION)
    padded = np.zeros((1, 4, FACTORS), dtype=np.float32)
    padded[0, : len(session)] = vectors[session]
    confidence = confidences(alpha=20, decay=0.5, last_items=4)
    found = vectors @ fold_in(padded, confidence)[0]
    wanted = scores_of_the_whole_equation(session, [20, 10, 5][: len(session)])
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_confidence_falls_with_age() -> None:
    assert confidences(alpha=8, decay=0.5, last_items=3).tolist() == [8, 4, 2]
