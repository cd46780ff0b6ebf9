"""The last items of sessions, event by event and as a whole, and their cases in the table."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.repeat_bias import (
    RECENCIES,
    SERVED_SHAPE,
    TABLE_SHAPE,
    LastItems,
    after_events,
    bias_cases,
    last_items,
    no_items,
    rescored,
    served_table,
)
from models.vocabulary import UNKNOWN

SESSIONS = st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=25), min_size=1, max_size=4)


def event_by_event(sessions: list[list[int]]) -> LastItems:
    """In lanes, an item of which nothing is left before each."""
    found = no_items(len(sessions))
    for at, session in enumerate(sessions):
        lane = after_events(no_items(1), np.array([99]), np.array([True]))
        for place, row in enumerate(session):
            lane = after_events(lane, np.array([row]), np.array([place == 0]))
        found.rows[at], found.counts[at] = lane.rows[0], lane.counts[0]
    return found


@given(SESSIONS)
def test_a_whole_session_has_the_last_items_that_its_events_lead_to_one_by_one(
    sessions: list[list[int]],
) -> None:
    whole, stepwise = last_items(sessions), event_by_event(sessions)

    np.testing.assert_array_equal(whole.rows, stepwise.rows)
    np.testing.assert_array_equal(whole.counts, stepwise.counts)


def test_the_latest_item_comes_first_and_occurrences_are_counted() -> None:
    last = last_items([[4, 7, 4, 9], [5]])

    assert last.rows[:, :4].tolist() == [[9, 4, 7, UNKNOWN], [5, UNKNOWN, UNKNOWN, UNKNOWN]]
    assert last.counts[:, :4].tolist() == [[1, 2, 1, 0], [1, 0, 0, 0]]


def test_an_item_is_forgotten_when_enough_others_follow() -> None:
    others = list(range(1, RECENCIES + 1))

    assert 0 not in last_items([[0, *others]]).rows
    assert last_items([[0, 0, *others, 0]]).counts[0, 0] == 1


def test_unknown_items_are_no_items_of_the_session() -> None:
    np.testing.assert_array_equal(last_items([[3, UNKNOWN, 3]]).rows, last_items([[3, 3]]).rows)


def test_recency_occurrences_and_different_items_decide_the_case() -> None:
    cases = bias_cases(last_items([[1], [1, 1], [1, 1, 1, 1], [2, 1], [1, 2], [1, 2, 3, 4, 5, 6, 7, 8]]))
    recency, distinct, count = np.unravel_index(cases, TABLE_SHAPE)

    assert list(zip(recency[:, 0], count[:, 0], distinct[:, 0], strict=True)) == [
        (0, 0, 0),
        (0, 1, 0),
        (0, 2, 0),
        (0, 0, 1),
        (0, 0, 1),
        (0, 0, 3),
    ]
    assert recency[5].tolist() == list(range(RECENCIES))


def test_each_item_has_the_slope_and_the_bias_of_its_case() -> None:
    table = np.arange(np.prod(SERVED_SHAPE), dtype=np.float32).reshape(SERVED_SHAPE)
    scores = np.full((1, RECENCIES), 2, dtype=np.float32)

    found = rescored(table, last_items([[1, 2, 1]]), scores)

    cases = (0, 1, 1), (1, 1, 0)
    assert found[0, :2].tolist() == [2 * table[0][case] + table[1][case] for case in cases]


def test_scores_are_drawn_towards_the_pivot_and_then_gain_the_bias() -> None:
    biases = np.full(TABLE_SHAPE, -1, dtype=np.float32)
    last, scores = last_items([[1, 2]]), np.array([[10.0, 2.0] + [0] * 6], dtype=np.float32)

    drawn = rescored(served_table(biases, cosine_scale=10, shrinkage=0.5), last, scores)
    plain = rescored(served_table(biases, cosine_scale=10, shrinkage=0), last, scores)
    unscaled = rescored(served_table(biases, cosine_scale=0, shrinkage=0.5), last, scores)

    assert drawn[0, :2].tolist() == [8, 4]
    assert plain[0, :2].tolist() == unscaled[0, :2].tolist() == [9, 1]
