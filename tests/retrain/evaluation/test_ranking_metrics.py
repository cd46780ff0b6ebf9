"""Metrics by hand, and their bounds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.evaluation.ranking_metrics import (
    accuracy_values,
    curves,
    difference,
    metric_table,
    mrr_at_k,
    ndcg_at_k,
    recall_at_k,
    target_ranks,
)

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


def test_table_is_the_mean_of_what_each_prediction_adds() -> None:
    values = accuracy_values([RANKS], [1, 20])
    assert values["mrr"][20].tolist() == pytest.approx([1, 1 / 3, 0, 1 / 5, 0])
    table = metric_table(values)
    assert table["recall"] == {"1": pytest.approx(0.2), "20": pytest.approx(0.6)}
    assert table["ndcg"]["20"] == pytest.approx(ndcg_at_k(RANKS, 20))
    some = np.array([True, True, False, False, False])
    assert metric_table(values, some)["recall"] == {"1": 0.5, "20": 1.0}
    assert metric_table(values, np.zeros(5, dtype=np.bool_))["mrr"] == {"1": 0, "20": 0}


def test_runs_are_averaged_prediction_by_prediction() -> None:
    values = accuracy_values([np.array([1, 0]), np.array([2, 0])], [2])
    assert values["mrr"][2].tolist() == [0.75, 0]
    assert curves([np.array([1, 0]), np.array([2, 0])], 2)["recall"] == [0.25, 0.5]


def test_difference_is_taken_prediction_by_prediction() -> None:
    gained = difference(accuracy_values([np.array([1, 0])], [1]), accuracy_values([np.array([0, 1])], [1]))
    assert gained["recall"][1].tolist() == [1, -1]


def test_rank_between_two_places_counts_as_such() -> None:
    halved = np.array([2.5], dtype=np.float32)
    assert (recall_at_k(halved, 2), recall_at_k(halved, 3)) == (0, 1)
    assert mrr_at_k(halved, 3) == pytest.approx(0.4)
