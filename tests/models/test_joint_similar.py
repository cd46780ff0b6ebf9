"""Similar items of a release beside its side index, in a plane where the right answer is seen."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.joint_similar import JointSimilar, KnownItems, best
from models.ranking import SCORED_ROW
from models.release import ReleaseTables, load_tables
from models.side_index import SideIndex
from models.similar_items import nearest_items
from models.vocabulary import Vocabulary
from schemas.ids import ItemId, ReleaseId
from tests.release_builder import write_release_tables

LENGTH = 4.0


def at(degrees: float, bias: float = 0.0) -> list[float]:
    """An item's vector: a direction in the plane, a third dimension that nobody uses, and a bias."""
    return [float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees))), 0.0, bias]


@pytest.fixture
def release(tmp_path: Path) -> ReleaseTables:
    """Items a to e, thirty degrees apart."""
    vectors = np.array([at(30 * place) for place in range(5)], dtype=np.float32)
    write_release_tables(tmp_path, "r1", list("abcde"), vectors)
    return load_tables(tmp_path / "r1")


def beside(release: ReleaseTables, *vectors: list[float], length: float = LENGTH) -> JointSimilar:
    """New items with these vectors: their rows are 5, 6 and so on."""
    ids = Vocabulary([ItemId(f"n{place}") for place in range(len(vectors))])
    side = SideIndex(
        ids,
        np.array(vectors, dtype=np.float32),
        np.empty(0, dtype=SCORED_ROW),
        ReleaseId("r1"),
        1,
        query_length=length,
    )
    return JointSimilar(KnownItems(release), side)


def rows(near: NDArray[np.void]) -> list[int]:
    return near["row"].tolist()  # type: ignore[no-any-return]


def test_new_item_has_its_nearest_items_and_the_score_is_the_cosine(release: ReleaseTables) -> None:
    near = beside(release, at(35)).of(5)
    assert rows(near) == [1, 2, 0, 3, 4]
    assert near["score"] == pytest.approx(np.cos(np.radians([5, 25, 35, 55, 85])), abs=1e-6)


def test_item_that_is_often_met_stands_before_a_nearer_one_in_the_list_of_a_new_item(
    release: ReleaseTables,
) -> None:
    near = beside(release, at(35), at(80, bias=5.0)).of(5)
    assert rows(near) == [6, 1, 2, 0, 3, 4]
    assert near["score"][0] == pytest.approx(np.cos(np.radians(45)), abs=1e-6)


def test_new_items_that_are_hardly_met_are_last_though_they_are_nearest_to_one_another(
    release: ReleaseTables,
) -> None:
    assert rows(beside(release, at(35, bias=-9.0), at(36, bias=-9.0)).of(5)) == [1, 2, 0, 3, 4, 6]


def test_new_item_stands_among_the_neighbours_of_a_known_one_which_keep_their_order(
    release: ReleaseTables,
) -> None:
    before = rows(release.similar[0])
    near = beside(release, at(40)).of(0)
    assert rows(near) == [before[0], 5, *before[1:]]
    assert near["score"][1] == pytest.approx(np.cos(np.radians(40)), abs=1e-6)


def test_what_is_remembered_of_known_items_serves_the_next_side_index(release: ReleaseTables) -> None:
    known = KnownItems(release)
    for version, length in enumerate([15.98, 16.04, 31.0]):
        side = SideIndex(
            Vocabulary([ItemId("n0")]),
            np.array([at(35)], dtype=np.float32),
            np.empty(0, dtype=SCORED_ROW),
            ReleaseId("r1"),
            version,
            query_length=length,
        )
        for row in (0, 1, 5):
            JointSimilar(known, side).of(row)
    assert known.remembered == 4  # two known items by two lengths


def test_side_index_that_says_no_length_adds_nothing(release: ReleaseTables) -> None:
    similar = beside(release, at(35), length=0.0)
    assert rows(similar.of(0)) == rows(release.similar[0])
    assert rows(similar.of(5)) == []


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.sampled_from([0.5, 1.0, 4.0, 16.0]))
def test_lists_hold_the_new_items_that_the_joint_scores_put_there(
    tmp_path_factory: pytest.TempPathFactory, seed: int, new: int, length: float
) -> None:
    random = np.random.default_rng(seed)
    known = random.normal(size=(70, 4)).astype(np.float32)
    folder = tmp_path_factory.mktemp("releases")
    write_release_tables(folder, "r1", [f"k{row}" for row in range(70)], known, nearest_items(known[:, :-1]))
    release = load_tables(folder / "r1")
    side = random.normal(size=(new, 4)).astype(np.float32)
    similar = beside(release, *side.tolist(), length=length)
    joint = np.concatenate([known, side])
    for row in (3, 70):
        near = similar.of(row)
        direction = joint[row, :-1] / np.linalg.norm(joint[row, :-1])
        scores = joint @ np.append(direction * length, 1).astype(np.float32)
        scores[row] = -np.inf
        expected = np.argsort(-scores)[:50]
        assert len(near) == len(set(rows(near))) == 50
        assert row not in rows(near)
        assert {one for one in rows(near) if one >= 70} == {one for one in expected.tolist() if one >= 70}


def test_best_are_the_greatest_and_the_first_where_they_are_equal() -> None:
    scores = np.array([1, 3, -np.inf, 3, 2], dtype=np.float32)
    assert best(scores, 2).rows.tolist() == [1, 3]
    assert best(scores, 9).rows.tolist() == [1, 3, 4, 0]
    assert best(np.empty(0, dtype=np.float32), 3).rows.tolist() == []
