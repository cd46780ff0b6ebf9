"""A swap replaces one reference by what was prepared; a catalogue that changed meanwhile is not lost."""

import sys
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from models.release import load_release
from models.side_index import SideIndex
from schemas.ids import ItemId
from streams.availability import Availability
from streams.current_recommender import CurrentRecommender
from streams.metrics import WorkerMetrics
from streams.release_loading import SWITCH_S, load_warm, quick_switches
from tests.side_index_builder import some_side_items
from tests.streams.processors import ITEMS, a_release
from tests.successor_release import write_successor_release


@pytest.fixture
def current(tmp_path: Path) -> CurrentRecommender:
    found = CurrentRecommender(3, frozenset(), WorkerMetrics(CollectorRegistry()))
    found.use_release(a_release(tmp_path))
    return found


def test_what_was_prepared_is_served_as_it_is(current: CurrentRecommender, tmp_path: Path) -> None:
    prepared = current.prepared(a_release(tmp_path, release_id="r2"))
    assert current.release_id == "r1"
    current.use(prepared)
    assert current.served is prepared
    assert current.release_id == "r2"


def test_catalogue_that_changed_after_the_preparation_is_applied(
    current: CurrentRecommender, tmp_path: Path
) -> None:
    prepared = current.prepared(a_release(tmp_path, release_id="r2"))
    current.use_availability(Availability(7, frozenset([ItemId(ITEMS[0])])))
    current.use(prepared)
    assert current.served is not None
    assert (current.served.catalogue_version, current.release_id) == (7, "r2")


def new_items(current: CurrentRecommender, version: int) -> SideIndex:
    """A side index with one item of the release that is served."""
    assert current.release_id is not None
    items = some_side_items(np.ones((1, len(ITEMS)), dtype=np.float32))
    return SideIndex(items.vocabulary, items.vectors, items.popular, current.release_id, version)


def search_beside(current: CurrentRecommender, side: SideIndex) -> None:
    """Swap to a side index."""
    prepared = current.with_side_index(side)
    assert prepared is not None
    assert current.use_side_index(prepared)


def test_side_index_prepared_with_what_serves_no_more_is_not_served(
    current: CurrentRecommender, tmp_path: Path
) -> None:
    prepared = current.with_side_index(new_items(current, 4))
    assert prepared is not None
    current.use_availability(Availability(7, frozenset([ItemId("n0")])))
    assert not current.use_side_index(prepared)
    assert current.served is not None
    assert (current.served.catalogue_version, current.side_index_version) == (7, None)
    of_r1 = new_items(current, 4)
    current.use_release(a_release(tmp_path, release_id="r2"))
    assert current.with_side_index(of_r1) is None


def test_release_that_is_announced_once_more_keeps_its_side_index_under_the_present_catalogue(
    current: CurrentRecommender, tmp_path: Path
) -> None:
    search_beside(current, new_items(current, 4))
    current.use_release(load_release(tmp_path / "r1"))
    assert current.side_index_version == 4
    prepared = current.prepared(load_release(tmp_path / "r1"))
    current.use_availability(Availability(7, frozenset([ItemId("n0")])))
    current.use(prepared)
    assert current.served is not None
    assert (current.served.catalogue_version, current.side_index_version) == (7, 4)


def test_side_index_goes_with_another_release_also_under_the_same_name(
    current: CurrentRecommender, tmp_path: Path
) -> None:
    search_beside(current, new_items(current, 4))
    current.use_release(a_release(tmp_path / "mended", [*ITEMS, "n0"]))
    assert (current.release_id, current.side_index_version) == ("r1", None)


def test_loading_lets_other_threads_have_the_interpreter_sooner_and_no_longer_than_it_takes() -> None:
    before_s = sys.getswitchinterval()
    with quick_switches():
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
    assert sys.getswitchinterval() == before_s


def test_release_without_probes_is_loaded_all_the_same(tmp_path: Path) -> None:
    write_successor_release(tmp_path, "r1", ITEMS)
    assert load_warm(tmp_path / "r1", threads=1).release_id == "r1"
