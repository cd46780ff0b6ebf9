"""Sessions that walk around rings of items, a release that knows them, and what is learned of new ones."""

from datetime import UTC, datetime
from pathlib import Path

from models.model_config import ModelConfig
from models.recommender import Recommender, SessionEvent
from models.release import Release, load_release
from models.side_index import SideIndex, SideItems
from retrain.side_index.item_kinds import ItemKinds
from retrain.side_index.new_items import Limits, NewItems
from retrain.training.training_run import train_release
from schemas.ids import ItemId
from schemas.item_metadata import ItemMetadata
from tests.retrain.planted_sessions import RING, START_MS, ring_events
from tests.retrain.side_index.side_events import click


def ring_release(folder: Path, config: ModelConfig) -> Release:
    """Trained on rings of items; the next item is the next of the ring."""
    manifest = train_release(
        ring_events(sessions=400, noise=0), config, folder, datetime(2026, 1, 1, tzinfo=UTC)
    )
    return load_release(folder / manifest.release_id)


def ring_kinds() -> ItemKinds:
    """Every known item with its ring as its category."""
    kinds = ItemKinds()
    for ring in range(5):
        for place in range(RING):
            kinds.describe(ItemMetadata(item_id=ItemId(f"{ring}-{place}"), category=f"ring {ring}"))
    return kinds


def walks(new: dict[str, str], sessions: int = 60, start_ms: int = START_MS) -> list[SessionEvent]:
    """Sessions that walk two steps around a ring, and then to the new item of that place, if it has one."""
    events = []
    for session in range(sessions):
        ring, place = session % 5, session // 5 % RING
        first, second = f"{ring}-{place}", f"{ring}-{(place + 1) % RING}"
        third = new.get(second, f"{ring}-{(place + 2) % RING}")
        events += [
            click(f"walk-{start_ms}-{session}", item, start_ms + 60_000 * session + 1000 * at)
            for at, item in enumerate((first, second, third))
        ]
    return events


def learned(release: Release, events: list[SessionEvent], kinds: ItemKinds | None = None) -> NewItems:
    """What one has learned of new items from events."""
    new_items = NewItems(release, kinds or ItemKinds(), Limits())
    new_items.take(events)
    return new_items


def listed(release: Release, items: SideItems, *item_ids: str, k: int = 3) -> list[str]:
    """The list after a session of these items."""
    side = SideIndex(items.vocabulary, items.vectors, items.popular, release.release_id, 1)
    recommender = Recommender(release, k).with_items(None, side)
    events = [click("asks", item_id, START_MS + 1000 * at) for at, item_id in enumerate(item_ids)]
    last = recommender.recommend({}, events).recommendations[-1]
    assert last is not None
    return list(recommender.items.item_ids(last.ranked.rows.tolist()))
