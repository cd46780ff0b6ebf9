"""Distinct rows: each once, by first appearance, and the way back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrain.training.distinct_rows import DistinctRows

ROWS = st.lists(st.integers(0, 9), max_size=30)


@given(st.lists(ROWS, max_size=4))
def test_rows_are_numbered_by_first_appearance_whatever_was_numbered_before(steps: list[list[int]]) -> None:
    table = DistinctRows(items=10)
    for rows in steps:
        distinct, places = table.number(np.array(rows, dtype=np.int64))
        assert distinct.tolist() == list(dict.fromkeys(rows))
        assert distinct[places].tolist() == rows
