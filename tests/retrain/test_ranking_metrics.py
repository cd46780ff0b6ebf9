"""Metrics by hand, and their bounds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.ranking_metrics import mrr_at_k, ndcg_at_k, recall_at_k, target_ranks

RANKS = np.array([1, 3, 0, 5, 21])


def test_recall_counts_targets_among_the_first_k() -> None:
    assert recall_at_k(RANKS, 1) == 0.2
    assert recall_at_k(RANKS, 3) == 0.4
    assert recall_at_k(RANKS, 20) == pytest.approx(0.6)


def test_mrr_is_the_mean_of_reciprocal_ranks_within_k() -> None:
    assert mrr_at_k(RANKS, 4) == pytest.approx((1 + 1 / 3) / 5)
    assert mrr_at_k(RANKS, 20) == pytest.approx((1 + 1 / 3 + 1 / 5) / 5)


def test_ndcg_discounts_by_the_logarithm_of_the_rank() -> None:
    assert ndcg_at_k(RANKS, 20) == pytest.approx((1 + 1 / 2 + 1 / math.log2(6)) / 5)


@pytest.mark.parametrize("metric", [recall_at_k, mrr_at_k, ndcg_at_k])
def test_no_predictions_score_zero(metric: "object") -> None:
    assert callable(metric)
    assert metric(np.array([], dtype=np.int64), 20) == 0


def test_rank_is_the_place_in_the_list_and_an_unknown_target_is_a_miss() -> None:
    listed = np.array([[4, 2, 9], [4, 2, -1], [4, 2, -1], [1, 2, 3]], dtype=np.int32)
    targets = np.array([9, 4, -1, 7], dtype=np.int32)
    assert target_ranks(listed, targets).tolist() == [3, 1, 0, 0]


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(1, 30))
def test_metrics_are_bounded_ordered_and_grow_with_k(ranks: list[int], k: int) -> None:
    array = np.array(ranks, dtype=np.int64)
    assert 0 <= mrr_at_k(array, k) <= ndcg_at_k(array, k) <= recall_at_k(array, k) <= 1
    for metric in (recall_at_k, mrr_at_k, ndcg_at_k):
        assert metric(array, k) <= metric(array, k + 1)
