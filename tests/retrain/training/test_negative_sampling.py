"""Negatives are drawn in proportion to popularity ** alpha, and by seed and step alone."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from retrain.training.negative_sampling import NegativeSampler, StepNegatives, alias_table

COUNTS = np.array([100, 0, 25, 4])
ZIPF = np.maximum(1, 5000 // np.arange(1, 401))
"""int64 [400]: from 5000 events down to 12."""

each_alpha = pytest.mark.parametrize("alpha", [0.0, 0.5, 0.75, 1.0])


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [(1.0, [100 / 129, 0, 25 / 129, 4 / 129]), (0.5, [10 / 17, 0, 5 / 17, 2 / 17]), (0.0, [0.25] * 4)],
)
def test_items_are_drawn_by_popularity_to_the_power_alpha(alpha: float, expected: list[float]) -> None:
    sampler = NegativeSampler(COUNTS, alpha)
    np.testing.assert_allclose(sampler.probabilities, expected)
    drawn = sampler.draw(20_000, np.random.default_rng(1))
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 20_000, expected, atol=0.02)


@each_alpha
def test_frequencies_pass_a_chi_square_test_against_popularity_to_the_power_alpha(alpha: float) -> None:
    steps = StepNegatives(NegativeSampler(ZIPF, alpha), per_step=2000, seed=1)
    drawn = np.concatenate([steps.at(step) for step in range(200)])
    weights = ZIPF**alpha
    expected = len(drawn) * weights / weights.sum()
    assert expected.min() > 50
    assert stats.chisquare(np.bincount(drawn, minlength=len(ZIPF)), expected).pvalue > 0.01


@each_alpha
def test_chi_square_test_notices_another_alpha(alpha: float) -> None:
    drawn = NegativeSampler(ZIPF, alpha).draw(400_000, np.random.default_rng(1))
    weights = ZIPF ** (alpha + 0.05)
    expected = len(drawn) * weights / weights.sum()
    assert stats.chisquare(np.bincount(drawn, minlength=len(ZIPF)), expected).pvalue < 1e-6


@given(
    st.lists(st.integers(0, 10_000) | st.integers(0, 3), min_size=1, max_size=40).filter(any), st.floats(0, 1)
)
@example([0, 0, 1, 1], 1.0)
@example([0, 2, 1, 1], 1.0)
def test_alias_table_holds_exactly_the_probabilities(counts: list[int], alpha: float) -> None:
    sampler = NegativeSampler(np.array(counts), alpha)
    kept, alias = alias_table(sampler.probabilities)
    held = (kept + np.bincount(alias, weights=1 - kept, minlength=len(kept))) / len(kept)
    np.testing.assert_allclose(held, sampler.probabilities, rtol=0, atol=1e-12)
    assert (kept >= -1e-12).all()


def test_zero_draws_are_none() -> None:
    assert NegativeSampler(COUNTS, 0.5).draw(0, np.random.default_rng(1)).tolist() == []
    assert StepNegatives(NegativeSampler(COUNTS, 0.5), per_step=0, seed=1).at(5).tolist() == []


def test_resumed_training_draws_what_the_uninterrupted_one_draws() -> None:
    def steps_from(first: int, seed: int = 4) -> list[list[int]]:
        steps = StepNegatives(NegativeSampler(ZIPF, 0.75), per_step=100_000, seed=seed)
        return [steps.at(step)[:50].tolist() for step in range(first, 9)]

    uninterrupted = steps_from(0)
    for resumed_at in (1, 2, 3, 8):
        assert steps_from(resumed_at) == uninterrupted[resumed_at:]
    assert steps_from(0, seed=5) != uninterrupted


def test_steps_differ_within_a_block_and_between_blocks() -> None:
    steps = StepNegatives(NegativeSampler(ZIPF, 0.75), per_step=100_000, seed=1)
    drawn = [steps.at(step).copy() for step in range(6)]
    for one in range(6):
        for other in range(one):
            assert not np.array_equal(drawn[one], drawn[other])


def test_more_negatives_than_a_block_are_drawn_step_by_step() -> None:
    steps = StepNegatives(NegativeSampler(COUNTS, 1.0), per_step=300_000, seed=1)
    assert len(steps.at(0)) == len(steps.at(1)) == 300_000
