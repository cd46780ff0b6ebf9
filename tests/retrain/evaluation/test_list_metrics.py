"""Exposure, diversity and ranks with ties, by hand; and their bounds."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from retrain.evaluation.all_item_ranks import Ties, rank_among_all
from retrain.evaluation.list_diversity import category_diversity, embedding_diversity
from retrain.evaluation.list_exposure import entropy_bits, exposures, gini, inter_session_diversity

LISTED = np.array([[0, 1], [0, 2], [3, -1]], dtype=np.int32)


def test_exposure_counts_the_lists_that_show_an_item() -> None:
    assert exposures(LISTED, 5).tolist() == [2, 1, 1, 1, 0]


def test_gini_is_zero_for_equal_exposures_and_grows_with_concentration() -> None:
    assert gini(np.array([3, 3, 3, 3])) == 0
    assert gini(np.array([0, 0, 0, 8])) == pytest.approx(3 / 4)
    # ascending 0 1 1 2, weights -3 -1 1 3: 6 over 4 * 4
    assert gini(np.array([2, 1, 1, 0])) == pytest.approx(6 / 16)
    assert gini(np.zeros(4, dtype=np.int64)) == 0


def test_entropy_is_the_logarithm_of_how_many_items_are_shown_alike() -> None:
    assert entropy_bits(np.array([5, 5, 5, 5, 0])) == pytest.approx(2)
    assert entropy_bits(np.array([7, 0])) == 0
    assert entropy_bits(np.zeros(3, dtype=np.int64)) == 0


def test_inter_session_diversity_compares_lists_of_different_sessions_only() -> None:
    session = np.array([0, 0, 1], dtype=np.int32)
    listed = np.array([[0, 1], [0, 1], [1, 2]], dtype=np.int32)
    # the lists 0-2 and 1-2 share one item of two; 0-1 are of one session
    assert inter_session_diversity(listed, session, 4) == pytest.approx(1 / 2)


def test_lists_of_one_session_have_no_inter_session_diversity() -> None:
    assert inter_session_diversity(LISTED, np.zeros(3, dtype=np.int32), 5) == 0


def test_intra_list_diversity_by_embedding_is_the_mean_distance_of_the_pairs() -> None:
    embeddings = np.array([[2, 0], [0, 3], [1, 1], [-1, 0]], dtype=np.float32)
    listed = np.array([[0, 1, 3], [0, 2, -1], [1, -1, -1]], dtype=np.int32)
    found = embedding_diversity(listed, embeddings, [1, 2, 3])
    right, eighth = 1.0, 1 - math.sqrt(0.5)
    assert found == {
        "2": pytest.approx((right + eighth) / 2, abs=1e-6),
        "3": pytest.approx(((right + 2 + right) / 3 + eighth) / 2, abs=1e-6),
    }


def test_intra_list_diversity_by_category_leaves_out_items_without_one() -> None:
    categories = np.array([7, 7, 8, -1], dtype=np.int32)
    listed = np.array([[0, 1, 2], [0, 3, 2], [3, 0, -1]], dtype=np.int32)
    found = category_diversity(listed, categories, [2, 3])
    assert found == {"2": pytest.approx(0), "3": pytest.approx((2 / 3 + 1) / 2)}


@pytest.mark.parametrize(
    ("ties", "ranks"),
    [
        ("standard", [1, 2, 1, 0]),
        ("median", [1, 3, 2.5, 0]),
        ("conservative", [1, 4, 4, 0]),
    ],
)
def test_ties_count_by_the_policy(ties: Ties, ranks: list[float]) -> None:
    scores = np.array([[9, 1, 1, 0], [2, 1, 1, 1], [5, 5, 5, 5], [1, 2, 3, 4]], dtype=np.float32)
    targets = np.array([0, 2, 3, -1], dtype=np.int32)
    assert rank_among_all(scores, targets, ties).tolist() == ranks


LISTS = st.integers(1, 6).flatmap(
    lambda k: st.lists(st.permutations(range(8)).map(lambda p: p[:k]), min_size=2, max_size=12)
)


@settings(deadline=None)
@given(LISTS, st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_inter_session_diversity_is_the_mean_over_all_pairs(
    lists: list[list[int]], numbers: list[int]
) -> None:
    session = np.unique(np.sort(numbers[: len(lists)]), return_inverse=True)[1].astype(np.int32)
    pairs = [
        1 - len(set(lists[one]) & set(lists[two])) / len(lists[0])
        for one, two in itertools.combinations(range(len(lists)), 2)
        if session[one] != session[two]
    ]
    found = inter_session_diversity(np.array(lists, dtype=np.int32), session, 8)
    assert found == pytest.approx(np.mean(pairs) if pairs else 0)


@settings(deadline=None)
@given(hnp.arrays(np.int64, st.integers(1, 30), elements=st.integers(0, 50)))
def test_concentration_is_bounded(exposure: NDArray[np.int64]) -> None:
    assert 0 <= gini(exposure) <= 1 - 1 / len(exposure) + 1e-12
    assert 0 <= entropy_bits(exposure) <= math.log2(len(exposure)) + 1e-9


@settings(deadline=None)
@given(
    hnp.arrays(np.float32, (4, 6), elements=st.integers(0, 3)),
    st.lists(st.integers(0, 5), min_size=4, max_size=4),
)
def test_median_rank_lies_between_standard_and_conservative(
    scores: NDArray[np.float32], targets: list[int]
) -> None:
    rows = np.array(targets, dtype=np.int32)
    low, middle, high = (
        rank_among_all(scores, rows, ties) for ties in ("standard", "median", "conservative")
    )
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert (high <= 6).all()
