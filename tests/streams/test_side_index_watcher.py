"""The side index watcher serves the newest version of the running release once, and waits for no other."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from schemas.ids import ReleaseId
from schemas.side_index_announcement import SideIndexAnnouncement
from streams.current_recommender import CurrentRecommender
from streams.health import Health
from streams.metrics import WorkerMetrics
from streams.side_index_topic import SideIndexTopic
from streams.side_index_watcher import PART, SideIndexWatcher
from tests.side_index_builder import some_side_items, write_side_index
from tests.streams.processors import ITEMS, a_release


class Watching:
    """A watcher whose topic is never opened, beside what it swaps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metrics = WorkerMetrics(CollectorRegistry())
        self.health = Health(self.metrics.ready)
        self.current = CurrentRecommender(3, frozenset(), self.metrics)
        self.current.use_release(a_release(folder / "releases"))
        self._watcher = SideIndexWatcher(
            str(folder / "releases"), SideIndexTopic({}, "t"), self.current, self.health, self.metrics
        )

    def announce(self, version: int, items: int) -> None:
        """Publish a version of so many items and tell the watcher."""
        write_side_index(
            self.folder / "releases",
            ReleaseId("r1"),
            version,
            some_side_items(np.ones((items, len(ITEMS)), "f4")),
        )
        now = datetime.now(UTC)
        self._watcher.take(
            [SideIndexAnnouncement(release_id=ReleaseId("r1"), version=version, announced_at=now, ready=True)]
        )

    def look(self) -> None:
        """Let the watcher look once."""
        asyncio.run(self._watcher.look())


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
