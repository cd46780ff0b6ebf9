"""The last items of sessions, event by event and as a whole, and their cases in the table."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.repeat_bias import (
    RECENCIES,
    TABLE_SHAPE,
    LastItems,
    after_events,
    bias_cases,
    last_items,
    no_items,
    repeat_biases,
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
    recency, count, distinct = np.unravel_index(cases, TABLE_SHAPE)

    assert list(zip(recency[:, 0], count[:, 0], distinct[:, 0], strict=True)) == [
        (0, 0, 0),
        (0, 1, 0),
        (0, 2, 0),
        (0, 0, 1),
        (0, 0, 1),
        (0, 0, 3),
    ]
    assert recency[5].tolist() == list(range(RECENCIES))


def test_each_item_gains_the_value_of_its_case() -> None:
    table = np.arange(np.prod(TABLE_SHAPE), dtype=np.float32).reshape(TABLE_SHAPE)

    biases = repeat_biases(table, last_items([[1, 2, 1]]))

    assert biases[0, :2].tolist() == [table[0, 1, 1], table[1, 0, 1]]
