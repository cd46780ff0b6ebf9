"""What events and catalogue tell of new items: planted sessions whose new items are known."""

import numpy as np
import pytest

from models.model_config import ModelConfig
from models.release import Release
from retrain.side_index.item_kinds import ItemKinds
from retrain.side_index.new_items import HALVING, Limits, NewItems
from schemas.ids import ItemId
from schemas.item_event import ItemEvent
from schemas.item_metadata import ItemMetadata
from tests.retrain.planted_sessions import RING, START_MS
from tests.retrain.side_index.ring_walks import learned, listed, ring_kinds, ring_release, walks
from tests.retrain.side_index.side_events import click

SMALL = ModelConfig(hidden_size=16, epochs=3, min_steps=400, batch_size=16, n_negatives=8, test_share=0)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Trained on rings of items; the next item is the next of the ring."""
    return ring_release(tmp_path_factory.mktemp("releases"), SMALL)


def test_new_item_reached_by_similar_sessions_is_recommended_to_the_next_such_session(
    release: Release,
) -> None:
    items = learned(release, walks({"2-4": "fresh"}, sessions=400)).build()

    assert items.vocabulary.item_ids == ("fresh",)
    assert "fresh" in listed(release, items, "2-3", "2-4", k=2)
    for item_id in ("0-4", "1-2", "3-7", "4-0"):
        assert "fresh" not in listed(release, items, item_id), item_id


def test_known_items_keep_their_places_where_nobody_goes_to_the_new_one(release: Release) -> None:
    items = learned(release, walks({"2-4": "fresh"}, sessions=400)).build()

    for item_id, after in (("0-4", "0-5"), ("1-2", "1-3"), ("4-0", "4-1")):
        assert listed(release, items, item_id)[0] == after


def test_new_item_is_expected_as_often_as_it_occurs(release: Release) -> None:
    events = walks({"2-4": "fresh", "3-1": "other"}, sessions=400)
    items = learned(release, events).build()

    shares = dict(zip(items.vocabulary.item_ids, np.sort(items.popular["score"])[::-1], strict=True))

    assert shares.keys() == {"fresh", "other"}
    occurred = sum(one.event.item_id == "fresh" for one in events if isinstance(one.event, ItemEvent))
    assert shares[ItemId("fresh")] == pytest.approx(occurred / len(events), rel=0.5)


def test_item_that_begins_sessions_is_popular_though_no_query_led_to_it(release: Release) -> None:
    events = walks({}) + [click(f"begins-{at}", "front-page", START_MS + at) for at in range(100)]

    items = learned(release, events).build()

    assert items.vocabulary.item_ids == ("front-page",)
    assert listed(release, items, "nobody-knows") == [
        "front-page",
        *listed(release, items, "nobody-knows")[1:],
    ]


def test_item_of_the_catalogue_is_recommended_beside_its_kind_before_anyone_has_seen_it(
    release: Release,
) -> None:
    kinds = ring_kinds()
    kinds.describe(ItemMetadata(item_id=ItemId("unseen"), category="ring 1"))

    items = learned(release, walks({}, sessions=200), kinds).build()

    assert items.vocabulary.item_ids == ("unseen",)
    assert "unseen" in listed(release, items, "1-0", "1-1", k=9)
    assert "unseen" not in listed(release, items, "3-0", "3-1", k=9)


def test_brand_counts_as_category_does(release: Release) -> None:
    kinds = ItemKinds()
    for place in range(RING):
        item = ItemMetadata(item_id=ItemId(f"4-{place}"), attributes={"brand": "aurea"})
        assert kinds.describe(item)
        assert not kinds.describe(item)
    kinds.describe(ItemMetadata(item_id=ItemId("unseen"), attributes={"brand": "aurea"}))

    items = learned(release, walks({}, sessions=200), kinds).build()

    assert "unseen" in listed(release, items, "4-0", "4-1", k=9)
    assert "unseen" not in listed(release, items, "3-0", "3-1", k=9)


def test_item_that_the_shop_deletes_is_forgotten_unless_it_occurs(release: Release) -> None:
    kinds = ItemKinds()
    kinds.describe(ItemMetadata(item_id=ItemId("unseen"), category="any"))
    new_items = learned(release, walks({}), kinds)
    assert new_items.build().vocabulary.item_ids == ("unseen",)

    assert kinds.remove(ItemId("unseen"))
    assert not kinds.remove(ItemId("unseen"))

    assert new_items.build().vocabulary.item_ids == ()
    assert kinds.known_rows(release.vocabulary) == {}


def test_without_any_query_there_are_no_new_items(release: Release) -> None:
    items = learned(release, [click("s", "fresh", START_MS)]).build()

    assert len(items) == 0
    assert items.vectors.shape == (0, release.manifest.encoder.index_dim)


def test_same_events_give_the_same_side_index(release: Release) -> None:
    events = walks({"2-4": "fresh", "0-1": "other"})
    first, second = (learned(release, events).build() for _ in range(2))

    assert first.vocabulary.item_ids == second.vocabulary.item_ids
    assert np.array_equal(first.vectors, second.vectors)
    assert np.array_equal(first.popular, second.popular)


def test_items_with_the_fewest_events_give_way(release: Release) -> None:
    new_items = NewItems(release, ItemKinds(), Limits(items=1))
    new_items.take(walks({}))
    for item_id, times in (("rare", 1), ("frequent", 5)):
        new_items.take([click(f"{item_id}-{at}", item_id, START_MS) for at in range(times)])

    assert new_items.build().vocabulary.item_ids == ("frequent",)


def test_item_is_forgotten_when_time_and_enough_queries_have_passed(release: Release) -> None:
    new_items = NewItems(release, ItemKinds(), Limits())
    new_items.take(walks({"2-4": "fresh"}))
    assert len(new_items.build()) == 1
    day_ms = 86_400_000
    new_items.take(walks({}, sessions=60, start_ms=START_MS + day_ms))
    assert len(new_items.build()) == 1

    for day in range(2, 12):
        new_items.take(walks({}, sessions=800, start_ms=START_MS + day * day_ms))

    assert len(new_items.build()) == 0


def test_sums_are_halved_by_time_and_in_a_quiet_shop_by_queries() -> None:
    assert HALVING.share(HALVING.seconds, HALVING.queries) == 0.5
    assert HALVING.share(10 * HALVING.seconds, HALVING.queries) == 0.5
    assert HALVING.share(HALVING.seconds, 10 * HALVING.queries) == 0.5
    assert HALVING.share(0, HALVING.queries) == 1
