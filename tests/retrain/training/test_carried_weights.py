"""Carried weights: known items keep their rows, new ones begin among their company."""

import numpy as np
from msgspec.structs import replace

from models.model_config import ModelConfig
from models.trainable_weights import ITEM_MATRIX, SQUARES
from models.vocabulary import Vocabulary
from retrain.training.carried_weights import Array, carried_weights
from retrain.training.sessionize import Sessions
from schemas.ids import ItemId

CONFIG = ModelConfig(hidden_size=2)
TIED = np.array([[3, 0, 0.5], [0, 4, 0.25], [5, 0, 0.125]], dtype=np.float32)
"""Of the items a, b and gone."""


def vocabulary(*item_ids: str) -> Vocabulary:
    return Vocabulary([ItemId(item_id) for item_id in item_ids])


def sessions_of(*sessions: list[int]) -> Sessions:
    rows = np.array([row for session in sessions for row in session], dtype=np.int32)
    return Sessions(rows, np.cumsum([0, *map(len, sessions)]).astype(np.int64))


def carried(
    matrix: Array, new: Vocabulary, sessions: Sessions, config: ModelConfig = CONFIG
) -> dict[str, Array]:
    cell, squares = np.arange(4, dtype=np.float32), np.array([[2], [1], [9]], dtype=np.float32)
    member = {ITEM_MATRIX: matrix, ITEM_MATRIX + SQUARES: squares, "cells.0.bias_ih": cell}
    (weights,) = carried_weights([member], vocabulary("a", "b", "gone"), new, sessions, config)
    assert weights["cells.0.bias_ih"] is cell
    return dict(weights)


def test_known_items_keep_their_rows_and_vanished_ones_are_dropped() -> None:
    matrix = carried(TIED, vocabulary("b", "a"), sessions_of([0, 1]))[ITEM_MATRIX]
    assert np.array_equal(matrix, TIED[[1, 0]])
    assert matrix.dtype == np.float32


def test_new_item_begins_in_the_middle_of_its_company_and_as_long_as_the_known() -> None:
    new = vocabulary("new", "a", "b")
    often = [[1, 0], [0, 2], [1, 2]] * 10_000
    row = carried(TIED, new, sessions_of(*often))[ITEM_MATRIX][0]
    assert np.allclose(row, [3.5 / 2**0.5, 3.5 / 2**0.5, 0], atol=1e-3)
    assert np.isclose(np.linalg.norm(row), 3.5)


def test_nearer_company_weighs_more() -> None:
    often = sessions_of(*[[0, 1, 2]] * 10_000)
    row = carried(TIED, vocabulary("a", "b", "new"), often)[ITEM_MATRIX][2]
    assert np.isclose(row[1] / row[0], 2, rtol=1e-3)


def test_of_little_company_a_new_item_is_nearer_to_it_the_more_there_is() -> None:
    few, some, many = (mean_nearness(clicks) for clicks in (1, 6, 60))
    assert 0.1 < few < some < many < 1
    assert many > 0.99


def mean_nearness(clicks: int) -> float:
    """The cosine of a new item and its only neighbour, after so many sessions of both; over some seeds."""
    new, sessions = vocabulary("a", "b", "new"), sessions_of(*[[0, 2]] * clicks)
    matrices = [carried(TIED, new, sessions, replace(CONFIG, seed=seed))[ITEM_MATRIX] for seed in range(30)]
    return float(np.mean([matrix[2, 0] for matrix in matrices])) / 3.5


def test_known_items_keep_what_was_gathered_and_new_ones_begin_like_seldom_ones() -> None:
    squares = carried(TIED, vocabulary("b", "new", "a"), sessions_of([0, 1, 2]))[ITEM_MATRIX + SQUARES]
    assert np.allclose(squares[:, 0], [1, 1.05, 2])


def test_new_items_without_known_company_differ_and_come_from_the_seed() -> None:
    new, sessions = vocabulary("a", "b", "x", "y"), sessions_of([0, 1], [2, 3])
    first, again = (carried(TIED, new, sessions)[ITEM_MATRIX] for _ in range(2))
    other = carried(TIED, new, sessions, replace(CONFIG, seed=2))[ITEM_MATRIX]
    assert np.array_equal(first, again)
    assert np.allclose(np.linalg.norm(first[2:, :2], axis=1), 3.5)
    assert not np.allclose(first[2], first[3])
    assert not np.allclose(first[2:], other[2:])


def test_both_embeddings_of_a_new_item_begin_among_those_of_their_kind() -> None:
    apart = np.array([[1, 0, 0, 2, 0], [1, 0, 0, 2, 0], [9, 9, 9, 9, 9]], dtype=np.float32)
    often = sessions_of(*[[0, 2], [1, 2]] * 10_000)
    row = carried(apart, vocabulary("a", "b", "new"), often)[ITEM_MATRIX][2]
    assert np.allclose(row, [1, 0, 0, 2, 0], atol=1e-3)
