"""Sparse ranking: equal to sorting each row by itself."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from retrain.baselines.sparse_ranking import among_greatest, filling_scores, ranked_lists

COLUMNS = 7
_SCORES = st.lists(
    st.lists(st.sampled_from([0, 0.5, 1, 1.5, 1e-30, 3e8]), min_size=COLUMNS, max_size=COLUMNS),
    min_size=1,
    max_size=5,
)


@given(scores=_SCORES, k=st.integers(1, 9))
def test_lists_equal_a_sort_of_each_row(scores: list[list[float]], k: int) -> None:
    listed = ranked_lists(csr_array(np.array(scores)), k)
    filling = filling_scores(COLUMNS).tolist()
    for at, row in enumerate(scores):
        full = np.array(
            [score if score > 0 else filling[column] for column, score in enumerate(row)], dtype=np.float32
        )
        best = sorted(range(COLUMNS), key=lambda column: (-full[column], column))[:k]
        missing = k - len(best)
        assert listed.rows[at].tolist() == best + [-1] * missing
        assert listed.scores[at].tolist() == full[best].tolist() + [-np.inf] * missing


@given(scores=_SCORES, n=st.integers(1, 8))
def test_the_greatest_of_each_row_are_marked(scores: list[list[float]], n: int) -> None:
    matrix = csr_array(np.array(scores))
    chosen = among_greatest(matrix, n)
    kept = list(zip(*matrix.nonzero(), strict=True))
    for at, row in enumerate(scores):
        found = [column for column, score in enumerate(row) if score > 0]
        best = set(sorted(found, key=lambda column: (-row[column], column))[:n])
        marks = zip(kept, chosen, strict=True)
        assert {column for (line, column), mark in marks if line == at and mark} == best


def test_no_entries_give_the_popular_items() -> None:
    listed = ranked_lists(csr_array((2, 5)), 3)
    assert listed.rows.tolist() == [[0, 1, 2], [0, 1, 2]]


def test_rows_of_very_many_columns_are_marked_in_parts() -> None:
    rows, columns = np.repeat(np.arange(600), 2), np.tile([3, 9_000_000], 600)
    matrix = csr_array((np.tile([0.5, 0.7], 600), (rows, columns)), shape=(600, 9_000_001))
    assert among_greatest(matrix, 1).tolist() == [False, True] * 600
