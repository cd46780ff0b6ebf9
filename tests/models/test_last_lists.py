"""The last list in a state: what is kept of lists of any length, and how it gets there and back."""

from pathlib import Path

import numpy as np
import pytest

from models.item_hashes import hash_items, packed_hashes, unpacked_hashes
from models.joint_rows import JointRows
from models.last_lists import made_lists, stored_lists, with_last_lists
from models.online_quality import ranks_of
from models.ranking import RankedRows
from models.recommender import Recommendation
from models.release import Release, load_release
from schemas.ids import EventId, ItemId, SessionId
from schemas.last_list import MAX_LISTED
from schemas.session_state import SessionState
from tests.successor_release import write_successor_release

ITEMS = [f"item-{number}" for number in range(30)]
S = SessionId("s")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder: Path = tmp_path_factory.mktemp("releases")
    write_successor_release(folder, "r1", ITEMS)
    return load_release(folder / "r1")


def a_recommendation(length: int, repeat_of: str | None = None, stored: bool = True) -> Recommendation:
    rows = np.arange(length, dtype=np.int32)
    ranked = RankedRows(rows, np.zeros(length, dtype=np.float32))
    return Recommendation(ranked, "popular", None if repeat_of is None else EventId(repeat_of), stored)


@pytest.mark.parametrize("lengths", [[20, 20], [20, 3], [0], [25, 20], [25, 1, 0]])
def test_first_items_of_a_list_of_any_length_are_kept(release: Release, lengths: list[int]) -> None:
    made = made_lists(
        JointRows(release, None),
        [(0, at) for at in range(len(lengths))],
        [a_recommendation(one) for one in lengths],
    )
    for length, last in zip(lengths, made, strict=True):
        assert last is not None
        assert (last.release_id, last.strategy, last.packed[1]) == ("r1", "popular", min(length, MAX_LISTED))
        ranks = ranks_of([ItemId(one) for one in ITEMS], [last.packed] * len(ITEMS)).tolist()
        assert ranks == [at + 1 if at < min(length, MAX_LISTED) else 0 for at in range(len(ITEMS))]


def test_nothing_is_kept_of_a_list_that_replaces_none(release: Release) -> None:
    some = [None, a_recommendation(2, repeat_of="e"), a_recommendation(2, stored=False)]
    assert made_lists(JointRows(release, None), [(0, 0), (0, 1), (0, 2)], some) == [None, None, None]
    assert made_lists(JointRows(release, None), [], []) == []


def test_offset_is_kept_modulo_four_bytes(release: Release) -> None:
    (last,) = made_lists(JointRows(release, None), [(0, 2**40 + 5)], [a_recommendation(1)])
    assert last is not None
    assert last.is_named(f"events-0-{2**40 + 5}")
    assert not last.is_named("events-0-6")


def test_last_list_goes_into_a_state_and_comes_out(release: Release) -> None:
    (last,) = made_lists(JointRows(release, None), [(3, 1)], [a_recommendation(4)])
    states = with_last_lists(
        {S: SessionState(release_id=release.release_id, home_partition=3), SessionId("t"): None}, {S: last}
    )
    assert states[SessionId("t")] is None
    assert stored_lists(states, [S, SessionId("t"), SessionId("u")]) == {
        S: last,
        SessionId("t"): None,
        SessionId("u"): None,
    }


def test_hashes_of_many_ids_spread_evenly_and_fit_into_their_bytes() -> None:
    ids = [ItemId(f"{number:08d}") for number in range(100_000)]
    hashes = hash_items(ids)
    assert hashes.max() < 2**24
    expected = len(ids) ** 2 / 2 / 2**24
    assert len(ids) - len(np.unique(hashes)) < 1.5 * expected
    assert (unpacked_hashes([packed_hashes(hashes[:20]).tobytes()]) == hashes[:20]).all()
