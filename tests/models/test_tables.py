"""Popular and similar items, and the ranking of candidates, by hand."""

import numpy as np
import pytest

from models.popularity import most_popular
from models.ranking import allowed_candidates, top_allowed
from models.similar_items import nearest_items


def test_most_popular_counts_events_and_breaks_ties_by_row() -> None:
    popular = most_popular(np.array([2, 2, 0, 3, 3, 1], np.int32), items=5)
    assert popular["row"].tolist() == [2, 3, 0, 1, 4]
    assert popular["score"].tolist() == pytest.approx([2 / 6, 2 / 6, 1 / 6, 1 / 6, 0])


def test_most_popular_is_cut() -> None:
    assert most_popular(np.array([1], np.int32), items=5, n=2)["row"].tolist() == [1, 0]


def test_nearest_items_are_by_angle_without_the_item_itself() -> None:
    embeddings = np.array([[1, 0], [9, 1], [0, 2], [-1, 0]], np.float32)
    similar = nearest_items(embeddings, n=2)
    assert similar["row"].tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert similar["score"][0, 0] == pytest.approx(9 / np.sqrt(82))


def test_nearest_items_leave_the_item_out_among_equal_ones() -> None:
    similar = nearest_items(np.ones((6, 3), np.float32), n=2)
    assert all(row not in others for row, others in enumerate(similar["row"].tolist()))


def test_only_item_has_no_neighbours() -> None:
    assert nearest_items(np.ones((1, 3), np.float32)).shape == (1, 0)


def test_candidates_that_are_missing_excluded_or_unavailable_are_not_allowed() -> None:
    rows = np.array([[0, 1, 2, -1], [0, 1, 2, 3]], np.int32)
    allowed = allowed_candidates(rows, [np.array([1], np.int32), None], np.array([False, False, True, False]))
    assert allowed.tolist() == [[True, False, False, False], [True, True, False, True]]


def test_top_allowed_keeps_the_order_of_the_candidates() -> None:
    rows = np.array([[5, 3, 1], [2, 4, 6]], np.int32)
    scores = np.array([[9, 8, 7], [3, 2, 1]], np.float32)
    first, second = top_allowed(rows, scores, np.array([[True, True, True], [False, True, True]]), k=2)
    assert (first.rows.tolist(), first.scores.tolist()) == ([5, 3], [9, 8])
    assert (second.rows.tolist(), second.scores.tolist()) == ([4, 6], [2, 1])


def test_top_allowed_of_unfiltered_lists_is_a_cut() -> None:
    (only,) = top_allowed(
        np.array([[5, 3]], np.int32), np.array([[2, 1]], np.float32), np.ones((1, 2), bool), k=5
    )
    assert only.rows.tolist() == [5, 3]
