import numpy as np
import polars as pl
import pytest

from streams.dev.shop_catalogue import shop_catalogue
from streams.dev.simulated_shop import simulate

START_MS = 1_780_000_000_000


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    return simulate(np.random.default_rng(7), sessions=2000, start_ms=START_MS)


def test_catalogue_has_a_few_hundred_distinct_items_with_title_category_and_price() -> None:
    items = shop_catalogue().items

    assert 300 <= len(items) <= 500
    assert len({item.item_id for item in items}) == len(items)
    assert len({item.title for item in items}) == len(items)
    assert all(item.category and item.price and item.price > 0 for item in items)


def test_price_rises_along_every_shelf_of_a_department() -> None:
    catalogue = shop_catalogue()

    for shelf in catalogue.shelves:
        prices = [catalogue.items[item].price or 0 for item in shelf]
        assert prices == sorted(prices)


def test_same_seed_gives_the_same_events() -> None:
    first, second = (simulate(np.random.default_rng(3), 50, START_MS) for _ in range(2))

    assert first.equals(second)


def test_another_seed_gives_other_events() -> None:
    first, second = (simulate(np.random.default_rng(seed), 50, START_MS) for seed in (3, 4))

    assert not first.equals(second)


def test_events_are_in_time_order_and_sessions_interleave(events: pl.DataFrame) -> None:
    assert events["occurred_at_ms"].is_sorted()
    assert events["occurred_at_ms"][0] >= START_MS
    runs = (events["session_id"] != events["session_id"].shift(1)).sum()
    assert runs > 1.5 * events["session_id"].n_unique()


def test_views_outnumber_carts_and_carts_outnumber_purchases(events: pl.DataFrame) -> None:
    share = dict(events["event_type"].value_counts(normalize=True).iter_rows())

    assert set(share) == {"view", "cart", "purchase"}
    assert share["view"] > 0.5 > share["cart"] > share["purchase"] > 0.03


def test_only_what_lies_in_the_cart_is_purchased(events: pl.DataFrame) -> None:
    carted = events.filter(pl.col("event_type") == "cart").select("session_id", "item_id").unique()
    purchased = events.filter(pl.col("event_type") == "purchase")

    assert purchased.join(carted, on=["session_id", "item_id"], how="anti").is_empty()


def test_accessory_follows_its_main_item_more_often_than_chance(events: pl.DataFrame) -> None:
    catalogue = shop_catalogue()
    pairs = {
        (catalogue.items[main].item_id, catalogue.items[accessory].item_id)
        for main, own in catalogue.accessories.items()
        for accessory in own
    }
    following = events.with_columns(next_item=pl.col("item_id").shift(-1).over("session_id")).drop_nulls(
        "next_item"
    )
    accessories = {accessory for _, accessory in pairs}
    after_main = following.filter(pl.col("item_id").is_in({main for main, _ in pairs}))
    to_accessory = after_main.filter(pl.col("next_item").is_in(accessories))
    matching = sum(pair in pairs for pair in to_accessory.select("item_id", "next_item").iter_rows())

    # Any accessory of the catalogue would match one in len(accessories) / 4 times.
    assert matching / len(to_accessory) > 0.7
    assert 4 / len(accessories) < 0.05


def test_direction_of_the_search_tells_the_next_item(events: pl.DataFrame) -> None:
    """Who went up in price goes on up: the last item alone does not tell that."""
    catalogue = shop_catalogue()
    place = {item.item_id: at for at, item in enumerate(catalogue.items)}
    kept = turned = 0
    for _, session in events.filter(pl.col("event_type") == "view").group_by(
        "session_id", maintain_order=True
    ):
        items = [place[item_id] for item_id in session["item_id"]]
        for before, last, after in zip(items, items[1:], items[2:], strict=False):
            if len({catalogue.shelf_of.get(item, -1 - item) for item in (before, last, after)}) == 1:
                kept += (last > before) == (after > last)
                turned += (last > before) != (after > last)

    assert kept > 5 * turned > 0


def test_popular_items_are_much_more_popular_than_the_median(events: pl.DataFrame) -> None:
    counts = events["item_id"].value_counts(sort=True)["count"]

    assert counts[0] > 4 * counts[len(counts) // 2]
