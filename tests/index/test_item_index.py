"""The contract of every kind of index, and what is particular to each."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from index.exact_index import GROUP, ExactIndex
from index.index_measuring import Trial, recall_of
from index.item_index import INDEX_KINDS, build_index, load_index
from index.pq_index import build_pq_index
from schemas.errors import InvalidRelease
from tests.index.planted_vectors import planted

Found = tuple[NDArray[np.int32], NDArray[np.float32]]


def brute_force(vectors: NDArray[np.float32], queries: NDArray[np.float32], n: int) -> Found:
    """All scores, sorted by (score descending, row ascending)."""
    scores = queries @ vectors.T
    order = np.stack([np.lexsort((np.arange(len(vectors)), -line)) for line in scores])[:, :n]
    return order.astype(np.int32), np.take_along_axis(scores, order, axis=1)


def whole_numbers(*shape: int, greatest: int, seed: int) -> NDArray[np.float32]:
    """Small whole numbers: their inner products are exact, and many of them tie."""
    random = np.random.default_rng(seed)
    return random.integers(-greatest, greatest, size=shape, endpoint=True).astype(np.float32)


@given(
    items=st.integers(1, 40 * GROUP),
    batch=st.sampled_from([1, 3, 16, 33]),
    greatest=st.integers(0, 3),
    n=st.integers(1, 60),
    seed=st.integers(0, 1000),
)
def test_exact_index_equals_brute_force_ties_included(
    items: int, batch: int, greatest: int, n: int, seed: int
) -> None:
    vectors = whole_numbers(items, 5, greatest=greatest, seed=seed)
    queries = whole_numbers(batch, 5, greatest=greatest, seed=seed + 1)
    rows, scores = ExactIndex(vectors).search(queries, n)
    expected_rows, expected_scores = brute_force(vectors, queries, n)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(scores, expected_scores)


@given(
    hnp.arrays(np.float32, (50, 2), elements=st.floats(-(2.0**60), 2.0**60, width=32)),
    hnp.arrays(np.float32, (2,), elements=st.floats(-(2.0**60), 2.0**60, width=32)),
)
def test_exact_index_orders_any_scores(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> None:
    rows, scores = ExactIndex(vectors).search(query[None, :], 50)
    assert sorted(rows[0]) == list(range(50))
    pairs = list(zip(-scores[0], rows[0], strict=True))
    assert pairs == sorted(pairs)


@given(
    items=st.integers(1, 300),
    batch=st.integers(0, 40),
    n=st.integers(1, 60),
    max_scores=st.integers(1, 5000),
    queries_at_once=st.integers(1, 40),
)
def test_exact_index_finds_the_same_in_parts(
    items: int, batch: int, n: int, max_scores: int, queries_at_once: int
) -> None:
    vectors = whole_numbers(items, 5, greatest=2, seed=1)
    queries = whole_numbers(batch, 5, greatest=2, seed=2)
    expected = ExactIndex(vectors).search(queries, n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("index.exact_index._MAX_SCORES", max_scores)
        patch.setattr("index.exact_index._QUERIES_AT_ONCE", queries_at_once)
        found = ExactIndex(vectors).search(queries, n)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_exact_index_writes_no_file(tmp_path: Path) -> None:
    ExactIndex(np.ones((3, 2), dtype=np.float32)).save(tmp_path / "index.faiss")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", INDEX_KINDS)
def test_catalogue_of_one_item_is_always_found(kind: str) -> None:
    index = build_index(kind, np.array([[1, 2, 3]], dtype=np.float32))
    rows, scores = index.search(np.array([[1, 0, 0], [0, 0, -1]], dtype=np.float32), 20)
    assert rows.tolist() == [[0], [0]]
    assert scores.tolist() == [[1], [-3]]


@pytest.mark.parametrize("kind", INDEX_KINDS)
def test_more_than_the_catalogue_gives_the_whole_catalogue(kind: str) -> None:
    vectors = np.arange(20, dtype=np.float32).reshape(10, 2)
    rows, scores = build_index(kind, vectors).search(np.array([[1, 0]], dtype=np.float32), 11)
    assert rows.tolist() == [[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]]
    assert scores.dtype == np.float32
    assert rows.dtype == np.int32


@pytest.mark.parametrize("kind", INDEX_KINDS)
def test_equal_vectors_come_in_the_order_of_their_rows(kind: str) -> None:
    vectors = np.ones((12, 4), dtype=np.float32)
    rows, _ = build_index(kind, vectors).search(np.ones((2, 4), dtype=np.float32), 5)
    assert rows.tolist() == [[0, 1, 2, 3, 4]] * 2


@pytest.mark.parametrize("kind", INDEX_KINDS)
def test_saved_index_answers_the_same_after_loading(kind: str, tmp_path: Path) -> None:
    vectors, queries = planted(items=2000, dim=10)
    index = build_index(kind, vectors)
    path = tmp_path / "index.faiss"
    index.save(path)
    loaded = load_index(kind, path, vectors, index.parameters)
    assert loaded.kind == kind
    assert loaded.parameters == index.parameters
    rows, scores = index.search(queries, 20)
    loaded_rows, loaded_scores = loaded.search(queries, 20)
    np.testing.assert_array_equal(loaded_rows, rows)
    np.testing.assert_array_equal(loaded_scores, scores)


@pytest.mark.parametrize("kind", INDEX_KINDS)
def test_no_queries_find_nothing(kind: str) -> None:
    vectors, queries = planted(items=6000, dim=7)
    rows, scores = build_index(kind, vectors).search(queries[:0], 20)
    assert (rows.shape, scores.shape) == ((0, 20), (0, 20))


QUANTISED = [
    {"dims_a_code": 2},
    {"dims_a_code": 1},
    {"nlist": 40, "nprobe": 12},
    {"nlist": 40, "nprobe": 12, "dims_a_code": 2},
]


@pytest.mark.parametrize("parameters", QUANTISED)
def test_quantised_index_finds_95_of_100_true_neighbours_in_planted_data(parameters: dict[str, int]) -> None:
    vectors, queries = planted(items=6000, dim=20)
    expected, _ = brute_force(vectors, queries, 50)
    rows, _ = build_index("pq_fastscan", vectors, parameters).search(queries, 50)
    shared = [len(np.intersect1d(*pair)) for pair in zip(rows, expected, strict=True)]
    assert np.mean(shared) >= 0.95 * 50


@pytest.mark.parametrize("parameters", QUANTISED)
@given(dim=st.integers(1, 19), n=st.integers(1, 90), seed=st.integers(0, 99))
@settings(max_examples=10)
def test_quantised_index_answers_in_order_with_no_row_twice(
    parameters: dict[str, int], dim: int, n: int, seed: int
) -> None:
    vectors = whole_numbers(700, dim, greatest=3, seed=seed)
    queries = whole_numbers(9, dim, greatest=3, seed=seed + 1)
    rows, scores = build_index("pq_fastscan", vectors, parameters).search(queries, n)
    assert rows.shape == scores.shape == (9, n)
    for query, line, of_line in zip(queries, rows, scores, strict=True):
        found = line >= 0
        assert not found[np.argmin(found) :].any() or found.all()
        assert np.isneginf(of_line[~found]).all()
        assert len(set(line[found])) == found.sum()
        pairs = list(zip(-of_line[found], line[found], strict=True))
        assert pairs == sorted(pairs)
        np.testing.assert_array_equal(of_line[found], vectors[line[found]] @ query)


@pytest.mark.parametrize("parameters", QUANTISED)
def test_quantised_index_of_any_structure_answers_the_same_after_loading(
    parameters: dict[str, int], tmp_path: Path
) -> None:
    vectors, queries = planted(items=3000, dim=11)
    np.save(tmp_path / "vectors.npy", vectors)
    index = build_index("pq_fastscan", vectors, parameters)
    index.save(tmp_path / "index.faiss")
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    loaded = load_index("pq_fastscan", tmp_path / "index.faiss", mapped, index.parameters)
    for found, expected in zip(loaded.search(queries, 30), index.search(queries, 30), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_same_vectors_make_the_same_quantised_index() -> None:
    vectors, queries = planted(items=3000, dim=12)
    one, other = (build_index("pq_fastscan", vectors, {"nlist": 16}) for _ in range(2))
    np.testing.assert_array_equal(one.search(queries, 20)[0], other.search(queries, 20)[0])


def test_other_search_parameters_share_the_codes() -> None:
    random = np.random.default_rng(3)
    vectors, queries = (random.standard_normal((lines, 20), dtype=np.float32) for lines in (6000, 64))
    built = build_pq_index(vectors, {"nlist": 64, "nprobe": 1})
    expected, _ = brute_force(vectors, queries, 50)
    trial = Trial(queries, expected)
    visits = 1, 8, 64
    few, more, every = (
        recall_of(built.with_search({"nprobe": nprobe}).search, trial).at_100 for nprobe in visits
    )
    assert built.parameters["nprobe"] == 1
    assert few < more < every


def test_quantised_index_has_exact_scores() -> None:
    vectors, queries = planted(items=6000, dim=21)
    rows, scores = build_index("pq_fastscan", vectors).search(queries, 30)
    exact = np.take_along_axis(queries @ vectors.T, rows, axis=1)
    np.testing.assert_allclose(scores, exact, rtol=1e-5, atol=1e-4)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_quantised_index_finds_the_same_for_a_query_alone_and_among_others() -> None:
    vectors, queries = planted(items=6000, dim=21)
    index = build_index("pq_fastscan", vectors)
    together, _ = index.search(queries, 30)
    alone = [index.search(query[None, :], 30)[0][0] for query in queries]
    np.testing.assert_array_equal(together, alone)


def test_quantised_index_with_lists_fills_up_with_minus_one_where_they_hold_too_few() -> None:
    vectors, queries = planted(items=400, dim=6)
    index = build_index("pq_fastscan", vectors, {"nlist": 10, "nprobe": 1})
    rows, scores = index.search(queries, 66)
    assert (rows[:, 0] >= 0).all()
    assert (rows[:, -1] == -1).any()
    np.testing.assert_array_equal(np.isneginf(scores), rows == -1)


def test_quantised_index_refuses_other_files(tmp_path: Path) -> None:
    path, vectors = tmp_path / "index.faiss", np.ones((3, 2), dtype=np.float32)
    path.write_bytes(b"no index")
    with pytest.raises(InvalidRelease, match=r"index\.faiss: FAISS cannot read it"):
        load_index("pq_fastscan", path, vectors, {"refine": 3})
    build_index("pq_fastscan", vectors).save(path)
    with pytest.raises(InvalidRelease, match="no quantised index of 4 vectors of 2 dimensions"):
        load_index("pq_fastscan", path, np.ones((4, 2), dtype=np.float32), {"refine": 3})


@pytest.mark.parametrize(("nlist", "missing"), [(0, "refine"), (2, "nprobe, refine")])
def test_quantised_index_refuses_a_manifest_that_does_not_say_how_to_search(
    nlist: int, missing: str, tmp_path: Path
) -> None:
    path, vectors = tmp_path / "index.faiss", planted(items=100, dim=4)[0]
    build_index("pq_fastscan", vectors, {"nlist": nlist}).save(path)
    with pytest.raises(InvalidRelease, match=f"does not say the index's {missing}"):
        load_index("pq_fastscan", path, vectors, {"nlist": nlist})


@pytest.mark.parametrize(("items", "kind"), [(5_000, "exact"), (5_001, "pq_fastscan")])
def test_catalogue_size_chooses_the_kind(items: int, kind: str) -> None:
    vectors = np.random.default_rng(1).standard_normal((items, 4), dtype=np.float32)
    assert build_index("auto", vectors).kind == kind


def test_unknown_kind_is_refused(tmp_path: Path) -> None:
    vectors = np.ones((3, 2), dtype=np.float32)
    with pytest.raises(ValueError, match="'hnsw' is not known"):
        build_index("hnsw", vectors)
    with pytest.raises(InvalidRelease, match="'hnsw' is not known"):
        load_index("hnsw", tmp_path / "index.faiss", vectors, {})
