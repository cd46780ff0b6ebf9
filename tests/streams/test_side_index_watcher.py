"""The side index watcher serves the newest version of the running release once, and waits for no other."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from schemas.ids import ItemId, ReleaseId
from schemas.release_manifest import MANIFEST_FILE
from schemas.side_index_announcement import SideIndexAnnouncement
from streams.availability import Availability
from streams.micro_batch import BucketMarks
from streams.side_index_topic import SideIndexTopic
from streams.side_index_watcher import PART, SideIndexWatcher
from tests.side_index_builder import some_side_items, write_side_index
from tests.streams.processors import ITEMS, Workbench, a_batch, a_release
from tests.streams.records import event_record


class Watching:
    """A watcher whose topic is never opened, beside what it swaps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bench = Workbench(a_release(folder / "releases"))
        self.metrics, self.health, self.current = self.bench.metrics, self.bench.health, self.bench.current
        self.watcher = SideIndexWatcher(
            str(folder / "releases"), SideIndexTopic({}, "t"), self.current, self.health, self.metrics
        )

    def announce(self, version: int, items: int) -> Path:
        """Publish a version of so many items and tell the watcher; the version's folder."""
        folder = write_side_index(
            self.folder / "releases",
            ReleaseId("r1"),
            version,
            some_side_items(np.ones((items, len(ITEMS)), "f4")),
        )
        now = datetime.now(UTC)
        self.watcher.take(
            [SideIndexAnnouncement(release_id=ReleaseId("r1"), version=version, announced_at=now, ready=True)]
        )
        return folder

    def look(self) -> None:
        """Let the watcher look once."""
        asyncio.run(self.watcher.look())


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    return Watching(tmp_path)


def test_version_without_items_is_loaded_once_and_lists_name_it(watching: Watching) -> None:
    watching.announce(1, items=2)
    watching.look()
    watching.announce(2, items=0)
    watching.look()
    served = watching.current.served
    assert served is not None
    assert served.side_index_version == 2
    assert served.recommender.items.new == 0
    watching.look()
    assert watching.current.served is served
    assert watching.metrics.registry.get_sample_value("millrace_side_index_version") == 2


async def test_events_are_answered_while_a_version_loads_and_what_becomes_unavailable_then_is_not_shown(
    watching: Watching,
) -> None:
    manifest = watching.announce(1, items=2) / MANIFEST_FILE
    whole = manifest.read_bytes()
    manifest.unlink()
    os.mkfifo(manifest)  # reading it waits for who writes
    looking = asyncio.create_task(watching.watcher.look())
    marks = BucketMarks((None,))
    try:
        for offset, item in enumerate("abc"):
            await watching.bench.processor.process(a_batch(event_record("s", item, offset), marks=marks))
        assert [one.side_index_version for one in watching.bench.emitter.lists()] == [None] * 3
        assert not looking.done()
        watching.current.use_availability(Availability(7, frozenset([ItemId("n0")])))
    finally:
        await asyncio.to_thread(manifest.write_bytes, whole)
        await looking
    await watching.bench.processor.process(a_batch(event_record("s", "d", 3), marks=marks))
    last = watching.bench.emitter.lists()[-1]
    assert (last.side_index_version, last.catalogue_version) == (1, 7)
    shown = {one.item_id for one in last.items}
    assert "n1" in shown
    assert "n0" not in shown


def test_only_the_first_version_beside_a_release_is_worth_a_line(watching: Watching) -> None:
    with capture_logs() as lines:
        for version in (1, 2):
            watching.announce(version, items=2)
            watching.look()
    said = [(line["log_level"], line["version"]) for line in lines if line["event"] == "searching side index"]
    assert said == [("info", 1), ("debug", 2)]


def test_trouble_of_a_side_index_ends_with_its_release(watching: Watching) -> None:
    releases, away = watching.folder / "releases", watching.folder / "away"
    watching.announce(1, items=2)
    releases.rename(away)
    watching.look()
    assert PART in watching.health.troubles
    away.rename(releases)
    watching.current.use_release(a_release(releases, release_id="r2"))
    watching.look()
    assert PART not in watching.health.troubles
