"""What the lookup serves of a release and its side index."""

from pathlib import Path

import numpy as np
import pytest

from models.release import load_tables
from models.side_index import SideIndex
from schemas.ids import ItemId, ReleaseId
from streams.availability import Availability
from streams.lookup.served_tables import CurrentTables, ServedTables
from tests.release_builder import write_release_tables
from tests.side_index_builder import some_side_items


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


def new_items(release_id: str = "r1", version: int = 7, items: int = 2) -> SideIndex:
    """Items n0 and n1, which have 0.25 and 0.15 of the events."""
    found = some_side_items(np.ones((items, 4), dtype=np.float32))
    found.popular["score"] = [0.25, 0.15][:items]
    return SideIndex(
        found.vocabulary, found.vectors, found.popular, ReleaseId(release_id), version, query_length=1.0
    )


def serve(current: CurrentTables, side: SideIndex) -> None:
    prepared = current.with_side_index(side)
    assert prepared is not None
    assert current.use_side_index(prepared)


def similar(current: CurrentTables, item_id: str) -> list[str] | None:
    found = tables(current).similar(ItemId(item_id), 5)
    return None if found is None else [item.item_id for item in found]


def test_new_items_are_popular_by_their_share_of_events(current: CurrentTables) -> None:
    serve(current, new_items())
    assert tables(current).side_index_version == 7
    assert [item.item_id for item in tables(current).popular] == ["a", "n0", "b", "n1", "c"]


def test_new_item_has_similar_items_and_is_one(current: CurrentTables) -> None:
    assert similar(current, "n0") is None
    serve(current, new_items())
    assert similar(current, "n0") == ["n1", "a", "b", "c"]
    assert set(similar(current, "b") or []) == {"a", "c", "n0", "n1"}


def test_new_items_that_are_unavailable_are_left_out(current: CurrentTables) -> None:
    serve(current, new_items())
    current.use_availability(Availability(1, frozenset({ItemId("n0"), ItemId("a")})))
    assert [item.item_id for item in tables(current).popular] == ["b", "n1", "c"]
    assert similar(current, "n0") == ["n1", "b", "c"]
    assert tables(current).side_index_version == 7


def test_side_index_without_items_is_named_and_changes_nothing(current: CurrentTables) -> None:
    serve(current, new_items(items=0))
    assert (tables(current).side_index_version, tables(current).neighbours) == (7, None)
    assert similar(current, "b") == ["c", "a"]


def test_side_index_of_another_release_is_not_served(current: CurrentTables) -> None:
    assert current.with_side_index(new_items("r2")) is None
    assert CurrentTables().with_side_index(new_items()) is None
    assert tables(current).side_index_version is None


def test_new_items_that_were_prepared_under_another_catalogue_are_prepared_anew(
    current: CurrentTables,
) -> None:
    prepared = current.with_side_index(new_items())
    assert prepared is not None
    current.use_availability(Availability(1, frozenset({ItemId("n0")})))
    assert not current.use_side_index(prepared)
    serve(current, new_items())
    assert [item.item_id for item in tables(current).popular] == ["a", "b", "n1", "c"]


def test_release_that_is_announced_once_more_keeps_its_new_items_and_another_does_not(
    current: CurrentTables, tmp_path: Path
) -> None:
    serve(current, new_items())
    current.use_release(load_tables(tmp_path / "r1"))
    assert (tables(current).side_index_version, similar(current, "n0")) == (7, ["n1", "a", "b", "c"])
    write_release_tables(tmp_path, "r2", ["a", "n0"])
    current.use_release(load_tables(tmp_path / "r2"))
    assert (tables(current).side_index_version, similar(current, "n0")) == (None, ["a"])
