"""Searches that were made before are answered as before, without the index."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index.exact_index import ExactIndex
from models import search_memory
from models.search_memory import SearchMemory

VECTORS = np.random.default_rng(3).standard_normal((50, 6), dtype=np.float32)
QUERIES = np.random.default_rng(4).standard_normal((12, 6), dtype=np.float32)


class CountingIndex(ExactIndex):
    """Tells how many queries it was asked."""

    def __init__(self) -> None:
        super().__init__(VECTORS)
        self.asked = 0

    def search(self, queries: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        self.asked += len(queries)
        return super().search(queries, n)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 11), st.booleans()), max_size=20), max_size=8),
    st.sampled_from([1, 3, 100]),
)
def test_answers_are_those_of_the_index(batches: list[list[tuple[int, bool]]], places: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_memory, "_PLACES", places)
        memory = SearchMemory(ExactIndex(VECTORS), 7, len(VECTORS))
        for batch in filter(None, batches):
            queries = QUERIES[[number for number, _ in batch]]
            rows, scores = memory.search(queries, np.array([begins for _, begins in batch]))
            expected_rows, expected_scores = ExactIndex(VECTORS).search(queries, 7)
            np.testing.assert_array_equal(rows, expected_rows)
            np.testing.assert_allclose(scores, expected_scores, rtol=1e-5, atol=1e-6)


def test_search_of_a_beginning_is_made_once() -> None:
    index = CountingIndex()
    memory = SearchMemory(index, 7, len(VECTORS))
    begin = np.ones(12, dtype=np.bool_)
    memory.search(QUERIES, begin)
    memory.search(QUERIES, begin)
    assert index.asked == 12
    memory.search(QUERIES, ~begin)
    assert index.asked == 24


def test_more_items_than_there_are_give_all() -> None:
    rows, _ = SearchMemory(ExactIndex(VECTORS), 70, len(VECTORS)).search(QUERIES, np.ones(12, dtype=np.bool_))
    assert rows.shape == (12, 50)
