"""Intervals hold their estimate, depend on the seed alone, and of no difference are zero."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain.evaluation.bootstrap import Bootstrap, metric_intervals, resampled_means
from retrain.evaluation.ranking_metrics import accuracy_values, difference, metric_table

RANKS = np.array([1, 3, 0, 5, 21, 2, 1, 0, 0, 4] * 20, dtype=np.int32)
SESSION = np.repeat(np.arange(100, dtype=np.int32), 2)
VALUES = accuracy_values([RANKS], [1, 5, 20])


def test_interval_contains_its_estimate() -> None:
    table, bounds = metric_table(VALUES), metric_intervals(VALUES, SESSION, Bootstrap(500))
    for name, at_k in table.items():
        for k, value in at_k.items():
            lower, upper = bounds[name][k]
            assert lower < value < upper


def test_same_seed_gives_the_same_interval_and_another_seed_another_one() -> None:
    first = metric_intervals(VALUES, SESSION, Bootstrap(50, seed=3))
    assert first == metric_intervals(VALUES, SESSION, Bootstrap(50, seed=3))
    assert first != metric_intervals(VALUES, SESSION, Bootstrap(50, seed=4))


def test_difference_of_a_model_with_itself_is_exactly_zero() -> None:
    none = difference(VALUES, VALUES)
    assert metric_table(none)["mrr"] == {"1": 0.0, "5": 0.0, "20": 0.0}
    assert set(metric_intervals(none, SESSION, Bootstrap(50))["ndcg"].values()) == {(0.0, 0.0)}


def test_interval_of_independent_predictions_is_that_of_the_normal_approximation() -> None:
    hit = (np.arange(4000) % 4 == 0).astype(np.int32)
    values = accuracy_values([hit], [1])
    lower, upper = metric_intervals(values, np.arange(4000, dtype=np.int32), Bootstrap(2000))["recall"]["1"]
    half_width = 1.96 * np.sqrt(0.25 * 0.75 / 4000)
    assert abs((upper - lower) / 2 - half_width) < 0.1 * half_width


def test_sessions_are_drawn_whole() -> None:
    means = resampled_means(np.array([[50.0], [0.0]]), np.array([50, 50]), Bootstrap(200))
    assert set(means[:, 0].tolist()) == {0.0, 0.5, 1.0}


def test_resamples_made_in_blocks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    sums, counts = np.array([[1.0], [2.0], [0.0]]), np.array([1, 4, 2])
    at_once = resampled_means(sums, counts, Bootstrap(64))
    monkeypatch.setattr("retrain.evaluation.bootstrap._WEIGHTS", 10)
    assert resampled_means(sums, counts, Bootstrap(64)).tolist() == at_once.tolist()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 25), st.integers(0, 4)), min_size=1, max_size=40), st.integers(1, 25)
)
def test_bounds_are_ordered_and_within_those_of_the_metric(rows: list[tuple[int, int]], k: int) -> None:
    ranks = np.array([rank for rank, _ in rows], dtype=np.int32)
    session = np.unique(np.sort([number for _, number in rows]), return_inverse=True)[1].astype(np.int32)
    bounds = metric_intervals(accuracy_values([ranks], [k]), session, Bootstrap(20))
    for at_k in bounds.values():
        lower, upper = at_k[str(k)]
        assert 0 <= lower <= upper <= 1
