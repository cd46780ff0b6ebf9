"""Lists with repeat biases: what is retrieved and the last items make the list that all items would."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from models.list_ranker import ListRanker
from models.ranking import with_last_items
from models.release import Release, load_release
from models.repeat_bias import SERVED_SHAPE, last_items, rescored
from schemas.errors import InvalidRelease
from schemas.ids import ItemId
from schemas.session_state import SessionState
from tests.successor_release import write_successor_release

ITEMS = 60
SCORES = st.integers(-3, 3).map(float)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("releases")
    table = np.random.default_rng(5).normal(scale=4, size=SERVED_SHAPE).astype(np.float32)
    write_successor_release(folder, "r", [f"i{row}" for row in range(ITEMS)], repeat_bias=table)
    return load_release(folder / "r")


def a_session(rows: list[int]) -> SessionState:
    n = len(rows)
    items = tuple(ItemId(f"i{row}") for row in rows)
    return SessionState(item_ids=items, event_types=bytes(n), times_s=bytes(4 * n))


def of_all_items(release: Release, query: NDArray[np.float32], rows: list[int]) -> NDArray[np.intp]:
    """All rows in the order in which they should be listed."""
    scores = query @ release.item_vectors.T
    last = last_items([rows])
    assert release.repeat_bias is not None
    known = last.rows[0] >= 0
    before = scores[last.rows]
    scores[last.rows[0][known]] = rescored(release.repeat_bias, last, before)[0][known]
    return np.lexsort((np.arange(ITEMS), -scores))


@given(
    st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=12),
    st.integers(0, 2**32 - 1),
    st.integers(1, 8),
    st.integers(0, ITEMS),
)
def test_a_list_is_the_top_of_all_items_with_their_rescored(
    release: Release, rows: list[int], seed: int, k: int, unavailable: int
) -> None:
    random = np.random.default_rng(seed)
    query = random.normal(size=(1, ITEMS)).astype(np.float32)
    hidden = np.zeros(ITEMS, dtype=np.bool_)
    hidden[random.permutation(ITEMS)[:unavailable]] = True

    (ranked,) = ListRanker(release, k, frozenset(), hidden).rank(query, [a_session(rows)])

    wanted = [row for row in of_all_items(release, query[0], rows) if not hidden[row]][:k]
    assert ranked.rows.tolist() == wanted


def test_items_of_the_session_that_may_not_be_shown_are_not_whatever_their_bias(release: Release) -> None:
    query = np.zeros((1, ITEMS), dtype=np.float32)

    (ranked,) = ListRanker(release, ITEMS, frozenset({0}), None).rank(query, [a_session([3, 8])])

    assert set(ranked.rows.tolist()) == set(range(ITEMS)) - {3, 8}


@given(st.lists(SCORES, min_size=4, max_size=20), st.data())
def test_nothing_below_what_was_retrieved_stays_and_ties_go_by_row(
    scores: list[float], data: st.DataObject
) -> None:
    all_scores = np.array(scores, dtype=np.float32)
    items, n = len(scores), data.draw(st.integers(1, len(scores)))
    other = data.draw(st.lists(st.integers(0, items - 1), max_size=3, unique=True))
    rescored = all_scores.copy()
    rescored[other] = data.draw(st.lists(SCORES, min_size=len(other), max_size=len(other)))
    retrieved = np.lexsort((np.arange(items), -all_scores))[:n].astype(np.int32)

    rows, found = with_last_items(
        retrieved[None],
        all_scores[retrieved][None],
        np.array([[*other, -1]], dtype=np.int32),
        np.array([[*rescored[other], -np.inf]], dtype=np.float32),
        complete=n == items,
    )

    listed = rows[0][rows[0] >= 0].tolist()
    order = np.lexsort((np.arange(items), -rescored)).tolist()
    assert listed == order[: len(listed)]
    assert len(listed) >= n - len(other)
    assert found[0, : len(listed)].tolist() == rescored[listed].tolist()


def test_a_release_with_a_table_of_another_shape_is_refused(tmp_path: Path) -> None:
    write_successor_release(tmp_path, "r", ["a", "b"], repeat_bias=np.zeros((2, 2), dtype=np.float32))

    with pytest.raises(InvalidRelease, match=r"repeat_bias.npy is no finite float32 of shape \(2, 8, 4, 3\)"):
        load_release(tmp_path / "r")


def test_items_that_the_release_does_not_know_have_no_part_in_the_list(release: Release) -> None:
    query = np.zeros((1, ITEMS), dtype=np.float32)
    ranker = ListRanker(release, 5, frozenset(), None)
    state = replace(a_session([7, 7, 9]), item_ids=(ItemId("i7"), ItemId("gone"), ItemId("i9")))

    (ranked,) = ranker.rank(query, [state])

    assert ranked.rows.tolist() == of_all_items(release, query[0], [7, 9])[:5].tolist()
