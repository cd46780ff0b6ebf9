"""What the lookup serves of a release."""

from pathlib import Path

import pytest

from models.release import load_tables
from schemas.ids import ItemId
from streams.availability import Availability
from streams.lookup.served_tables import CurrentTables, ServedTables
from tests.release_builder import write_release_tables


@pytest.fixture
def current(tmp_path: Path) -> CurrentTables:
    write_release_tables(tmp_path, "r1", ["a", "b", "c"])
    current = CurrentTables()
    current.use_release(load_tables(tmp_path / "r1"))
    return current


def tables(current: CurrentTables) -> ServedTables:
    assert current.tables is not None
    return current.tables


def test_popular_items_are_in_the_order_of_the_release(current: CurrentTables) -> None:
    assert [item.item_id for item in tables(current).popular] == ["a", "b", "c"]
    assert [item.score for item in tables(current).popular] == pytest.approx([0.3, 0.2, 0.1])


def test_similar_items_are_cut_to_k(current: CurrentTables) -> None:
    assert [item.item_id for item in tables(current).similar(ItemId("b"), 5) or []] == ["c", "a"]
    assert [item.item_id for item in tables(current).similar(ItemId("b"), 1) or []] == ["c"]


def test_unknown_item_has_no_similar_items(current: CurrentTables) -> None:
    assert tables(current).similar(ItemId("z"), 5) is None


def test_unavailable_items_are_left_out_before_the_cut(current: CurrentTables) -> None:
    current.use_availability(Availability(1, frozenset({ItemId("c"), ItemId("not in the release")})))
    assert [item.item_id for item in tables(current).popular] == ["a", "b"]
    assert [item.item_id for item in tables(current).similar(ItemId("b"), 1) or []] == ["a"]


def test_availability_that_comes_before_the_release_is_applied(tmp_path: Path) -> None:
    write_release_tables(tmp_path, "r1", ["a", "b"])
    current = CurrentTables()
    current.use_availability(Availability(1, frozenset({ItemId("a")})))
    assert current.tables is None
    current.use_release(load_tables(tmp_path / "r1"))
    assert [item.item_id for item in tables(current).popular] == ["b"]
