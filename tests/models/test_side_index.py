"""The side index: it is whole or refused, and lists of both are what all items together would give."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from models.ranking import SCORED_ROW
from models.recommender import Recommender, SessionEvent
from models.release import POPULAR_FILE, VECTORS_FILE, Release, load_release
from models.repeat_bias import SERVED_SHAPE, last_items, rescored
from models.side_index import SideIndex, SideItems, load_side_index
from models.vocabulary import Vocabulary
from schemas.errors import InvalidRelease
from schemas.ids import ItemId, ReleaseId, SessionId
from schemas.item_event import ItemEvent
from schemas.release_manifest import MANIFEST_FILE
from schemas.session_state import SessionState
from tests.side_index_builder import some_side_items, write_side_index
from tests.successor_release import write_successor_release

ITEMS = 60


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("releases")
    table = np.random.default_rng(5).normal(scale=4, size=SERVED_SHAPE).astype(np.float32)
    items = [f"i{row}" for row in range(ITEMS)]
    write_successor_release(folder, "r", items)
    write_successor_release(folder, "biased", items, repeat_bias=table)
    return folder


@pytest.fixture(scope="module", params=["r", "biased"])
def release(releases: Path, request: pytest.FixtureRequest) -> Release:
    return load_release(releases / request.param)


@pytest.fixture(scope="module")
def plain(releases: Path) -> Release:
    return load_release(releases / "r")


def side_index(release: Release, vectors: NDArray[np.float32]) -> SideIndex:
    """New items n0, n1, … with these vectors."""
    items = some_side_items(vectors)
    return SideIndex(items.vocabulary, items.vectors, items.popular, release.release_id, 1)


def brute_force(
    release: Release, vectors: NDArray[np.float32], query: NDArray[np.float32], rows: list[int]
) -> NDArray[np.intp]:
    """All rows of release and side index in the order in which they should be listed."""
    everything = np.concatenate([release.item_vectors, vectors])
    scores = query @ everything.T
    if release.repeat_bias is not None:
        last = last_items([rows])
        known = last.rows[0] >= 0
        scores[last.rows[0][known]] = rescored(release.repeat_bias, last, scores[last.rows])[0][known]
    return np.lexsort((np.arange(len(everything)), -scores))


@given(
    st.lists(st.integers(0, ITEMS + 9), min_size=1, max_size=12),
    st.integers(0, 2**32 - 1),
    st.integers(1, 8),
    st.integers(10, 150),
    st.integers(0, 200),
)
def test_a_list_of_both_is_the_top_of_all_items_together(
    release: Release, rows: list[int], seed: int, k: int, new: int, unavailable: int
) -> None:
    random = np.random.default_rng(seed)
    query = random.normal(size=(1, ITEMS)).astype(np.float32)
    vectors = random.normal(scale=random.choice([0.1, 1.0]), size=(new, ITEMS)).astype(np.float32)
    hidden = np.zeros(ITEMS + new, dtype=np.bool_)
    hidden[random.permutation(ITEMS + new)[:unavailable]] = True
    names = [*(f"i{row}" for row in range(ITEMS)), *(f"n{row}" for row in range(new))]
    n = len(rows)
    state = SessionState(
        item_ids=tuple(ItemId(names[row]) for row in rows), event_types=bytes(n), times_s=bytes(4 * n)
    )

    ranker = Recommender(release, k).with_items(hidden, side_index(release, vectors))._ranker
    (ranked,) = ranker.rank(query, [state])

    wanted = [row for row in brute_force(release, vectors, query[0], rows) if not hidden[row]][:k]
    assert ranked.rows.tolist() == wanted


def viewed(item_id: str, session_id: str = "s") -> SessionEvent:
    event = ItemEvent(
        session_id=SessionId(session_id), item_id=ItemId(item_id), event_type="view", occurred_at_ms=0
    )
    return SessionEvent(event, 0)


def listed(recommender: Recommender, *events: SessionEvent) -> list[str]:
    """The items of the last event's list."""
    (*_, last) = recommender.recommend({}, list(events)).recommendations
    assert last is not None
    return list(recommender.items.item_ids(last.ranked.rows.tolist()))


def test_states_do_not_depend_on_the_side_index(plain: Release) -> None:
    alone = Recommender(plain)
    joint = alone.with_items(None, side_index(plain, np.ones((3, ITEMS), dtype=np.float32)))
    events = [viewed("i1"), viewed("n1"), viewed("i2"), viewed("n0", "t")]

    assert joint.recommend({}, events).states == alone.recommend({}, events).states


def test_items_of_excluded_types_are_not_shown_when_they_are_new_either(plain: Release) -> None:
    side = side_index(plain, np.ones((2, ITEMS), dtype=np.float32))
    recommender = Recommender(plain, ITEMS + 2, frozenset({0})).with_items(None, side)

    shown = listed(recommender, viewed("i1"), viewed("n1"))

    assert "n0" in shown
    assert not {"i1", "n1"} & set(shown)


def test_session_of_which_nothing_is_known_gets_the_popular_items_of_both(plain: Release) -> None:
    items = some_side_items(np.zeros((2, ITEMS), dtype=np.float32))
    popular = np.array([(1, 0.9), (0, 1e-9)], dtype=SCORED_ROW)
    side = SideIndex(items.vocabulary, items.vectors, popular, plain.release_id, 1)

    assert listed(Recommender(plain, 3).with_items(None, side), viewed("gone")) == ["n1", "i0", "i1"]


def test_empty_side_index_changes_nothing(plain: Release) -> None:
    side = side_index(plain, np.zeros((0, ITEMS), dtype=np.float32))

    with_it = Recommender(plain).with_items(None, side)

    assert with_it.items.side is None
    assert listed(with_it, viewed("i4")) == listed(Recommender(plain), viewed("i4"))


def test_side_index_comes_back_as_it_was_written(plain: Release, tmp_path: Path) -> None:
    items = some_side_items(np.random.default_rng(1).normal(size=(4, ITEMS)).astype(np.float32))

    read = load_side_index(write_side_index(tmp_path, plain.release_id, 7, items), plain)

    assert (read.version, read.release_id) == (7, plain.release_id)
    assert read.vocabulary.item_ids == items.vocabulary.item_ids
    assert np.array_equal(read.vectors, items.vectors)
    assert np.array_equal(read.popular, items.popular)


@pytest.mark.parametrize("name", [VECTORS_FILE, POPULAR_FILE])
def test_corrupt_file_is_refused(plain: Release, tmp_path: Path, name: str) -> None:
    items = some_side_items(np.zeros((4, ITEMS), dtype=np.float32))
    folder = write_side_index(tmp_path, plain.release_id, 1, items)
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)

    with pytest.raises(InvalidRelease, match=f"{name} is corrupt"):
        load_side_index(folder, plain)


def test_incomplete_one_is_refused(plain: Release, tmp_path: Path) -> None:
    items = some_side_items(np.zeros((4, ITEMS), dtype=np.float32))
    folder = write_side_index(tmp_path, plain.release_id, 1, items)
    (folder / POPULAR_FILE).unlink()
    with pytest.raises(InvalidRelease, match=f"{POPULAR_FILE} cannot be read"):
        load_side_index(folder, plain)
    (folder / MANIFEST_FILE).unlink()
    with pytest.raises(InvalidRelease, match="is no side index"):
        load_side_index(folder, plain)


def test_manifest_without_a_file_is_refused(plain: Release, tmp_path: Path) -> None:
    items = some_side_items(np.zeros((4, ITEMS), dtype=np.float32))
    folder = write_side_index(tmp_path, plain.release_id, 1, items, lambda one: replace(one, files={}))
    with pytest.raises(InvalidRelease, match=r"the manifest lists no item_vectors\.npy"):
        load_side_index(folder, plain)


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (some_side_items(np.zeros((2, 3), dtype=np.float32)), r"vectors of shape \(2, 3\), where \(2, 60\)"),
        (some_side_items(np.full((2, ITEMS), np.nan, dtype=np.float32)), "no finite float32"),
        (
            SideItems(
                Vocabulary([ItemId("i1")]),
                np.zeros((1, ITEMS), dtype=np.float32),
                np.empty(0, dtype=SCORED_ROW),
            ),
            "item 'i1' is in the vocabulary of the release",
        ),
        (
            SideItems(
                Vocabulary([ItemId("n")]),
                np.zeros((1, ITEMS), dtype=np.float32),
                np.array([(1, 0.5)], dtype=SCORED_ROW),
            ),
            "popular.npy has the wrong type or rows",
        ),
    ],
)
def test_wrong_content_is_refused(plain: Release, tmp_path: Path, items: SideItems, said: str) -> None:
    folder = write_side_index(tmp_path, plain.release_id, 1, items)
    with pytest.raises(InvalidRelease, match=said):
        load_side_index(folder, plain)


def test_side_index_of_another_release_is_refused(plain: Release, tmp_path: Path) -> None:
    items = some_side_items(np.zeros((2, ITEMS), dtype=np.float32))
    folder = write_side_index(tmp_path, ReleaseId("other"), 1, items)
    with pytest.raises(InvalidRelease, match="it is of release other, not of r"):
        load_side_index(folder, plain)
