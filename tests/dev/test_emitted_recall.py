import polars as pl

from schemas.ids import ItemId
from streams.dev.emitted_recall import Recall, next_items, recall_at


def items(*item_ids: str) -> tuple[ItemId, ...]:
    return tuple(ItemId(item_id) for item_id in item_ids)


def test_next_item_is_that_of_the_same_session_across_interleaved_rows() -> None:
    events = pl.DataFrame({"session_id": ["s", "t", "s", "t", "s"], "item_id": ["a", "x", "b", "y", "b"]})

    assert next_items(events) == ["b", "y", "b", None, None]


def test_a_hit_is_a_target_among_the_first_k() -> None:
    targets = [ItemId("a"), ItemId("b"), ItemId("c")]
    lists = [items("a", "z"), items("z", "b"), items("z", "y", "c")]

    assert recall_at(2, targets, lists) == Recall(hits=2, n=3)
    assert recall_at(1, targets, lists) == Recall(hits=1, n=3)


def test_missing_list_is_a_miss_and_last_events_do_not_count() -> None:
    targets = [ItemId("a"), None, ItemId("b")]

    assert recall_at(20, targets, [items("a"), items("q"), None]) == Recall(hits=1, n=2)
    assert Recall(hits=1, n=2).value == 0.5


def test_recall_of_nothing_is_zero() -> None:
    assert recall_at(20, [None], [items("a")]).value == 0.0
