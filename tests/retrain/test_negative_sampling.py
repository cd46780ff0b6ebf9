"""Negatives are drawn in proportion to popularity ** alpha."""

import numpy as np
import pytest

from retrain.negative_sampling import NegativeSampler

COUNTS = np.array([100, 0, 25, 4])


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [(1.0, [100 / 129, 0, 25 / 129, 4 / 129]), (0.5, [10 / 17, 0, 5 / 17, 2 / 17]), (0.0, [0.25] * 4)],
)
def test_items_are_drawn_by_popularity_to_the_power_alpha(alpha: float, expected: list[float]) -> None:
    sampler = NegativeSampler(COUNTS, alpha)
    np.testing.assert_allclose(sampler.probabilities, expected)
    drawn = sampler.draw(20_000, np.random.default_rng(1))
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 20_000, expected, atol=0.02)


def test_zero_draws_are_none() -> None:
    assert NegativeSampler(COUNTS, 0.5).draw(0, np.random.default_rng(1)).tolist() == []
