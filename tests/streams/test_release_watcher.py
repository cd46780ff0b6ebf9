"""`ReleaseWatcher` on a real Kafka: which release is served after which announcements."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from msgspec.structs import replace
from prometheus_client import Gauge

from models.release import VECTORS_FILE, ReleaseTables, load_tables, read_manifest
from schemas.errors import UsageError
from schemas.ids import ReleaseId
from schemas.release_announcement import RELEASE_LINE, ReleaseAnnouncement, encode_release_announcement
from schemas.release_manifest import MANIFEST_FILE, encode_release_manifest
from streams.announcement_topic import AnnouncementTopic
from streams.dev.ports import free_port
from streams.health import Health
from streams.release_listeners import ReleaseListeners
from streams.release_watcher import ReleaseWatcher
from tests.failing_store import FailingStore, fail_on, upload
from tests.odd_messages import send_odd
from tests.release_builder import corrupt, write_release_tables
from tests.services.kafka_broker import Kafka
from tests.waiting import DEADLINE_S, until


class Stage:
    """A releases topic, a folder of releases, and what the watcher told."""

    def __init__(self, bootstrap_servers: str, topic: str, releases: Path) -> None:
        self.kafka = {"bootstrap_servers": bootstrap_servers}
        self.topic = topic
        self.releases = releases
        self.health = Health(Gauge("ready", "", registry=None))
        self.swapped: list[ReleaseId] = []
        self.refused: list[ReleaseId] = []
        self.tried: list[ReleaseId] = []

    async def announce(self, *values: tuple[str, int] | bytes) -> None:
        async with AIOKafkaProducer(**self.kafka) as producer:
            for value in values:
                raw = value if isinstance(value, bytes) else an_announcement(*value)
                await producer.send_and_wait(self.topic, raw, key=RELEASE_LINE)

    def watcher(self, releases: str | None = None) -> ReleaseWatcher[ReleaseTables]:
        return ReleaseWatcher(
            load_tables,
            releases or str(self.releases),
            self.releases / "cache",
            AnnouncementTopic(self.kafka, self.topic),
            self.health,
            ReleaseListeners(
                tried=self.tried.append,
                swapped=lambda tables: self.swapped.append(tables.release_id),
                refused=lambda release_id, _: self.refused.append(release_id),
            ),
        )

    @asynccontextmanager
    async def watching(self, releases: str | None = None) -> AsyncIterator[ReleaseWatcher[ReleaseTables]]:
        watcher = self.watcher(releases)
        try:
            await asyncio.wait_for(watcher.start(), DEADLINE_S)
            yield watcher
        finally:
            await watcher.stop()


def an_announcement(release_id: str, generation: int, previous: str | None = None) -> bytes:
    return encode_release_announcement(
        ReleaseAnnouncement(
            release_id=ReleaseId(release_id),
            generation=generation,
            announced_at=datetime(2026, 1, 1, tzinfo=UTC),
            previous=None if previous is None else ReleaseId(previous),
        )
    )


@pytest.fixture
def stage(kafka: Kafka, prefix: str, tmp_path: Path) -> Stage:
    for release_id in ("r1", "r2", "r3"):
        write_release_tables(tmp_path, release_id, ["a", "b"])
    topic = kafka.create_topic(f"{prefix}releases", partitions=1)
    return Stage(kafka.bootstrap_servers, topic, tmp_path)


async def test_start_serves_the_last_announcement(stage: Stage) -> None:
    await stage.announce(("r1", 1), ("r2", 2))
    async with stage.watching() as watcher:
        assert watcher.current is not None
        assert (watcher.current.release_id, watcher.release_id, watcher.generation) == ("r2", "r2", 2)
        assert (await watcher.wait_for_release()).release_id == "r2"
    assert stage.swapped == ["r2"]


async def test_start_without_announcements_serves_nothing_until_the_first(stage: Stage) -> None:
    async with stage.watching() as watcher:
        assert (watcher.current, watcher.release_id, watcher.generation) == (None, None, 0)
        await stage.announce(("r1", 1))
        assert (await asyncio.wait_for(watcher.wait_for_release(), DEADLINE_S)).release_id == "r1"


async def test_later_announcement_is_swapped_in(stage: Stage) -> None:
    await stage.announce(("r1", 1))
    async with stage.watching() as watcher:
        await stage.announce(("r2", 2), ("r1", 3))
        await until(lambda: watcher.generation == 3)
        assert watcher.release_id == "r1"


async def test_lower_and_equal_generations_are_ignored(stage: Stage) -> None:
    await stage.announce(("r2", 5), ("r1", 4), ("r3", 5))
    async with stage.watching() as watcher:
        assert watcher.release_id == "r2"
        await stage.announce(("r1", 5), ("r3", 6))
        await until(lambda: watcher.generation == 6)
    assert stage.swapped == ["r2", "r3"]


async def test_start_falls_back_where_the_last_release_is_corrupt(stage: Stage) -> None:
    corrupt(stage.releases, ReleaseId("r2"))
    await stage.announce(("r1", 1), ("r2", 2), ("missing", 3))
    async with stage.watching() as watcher:
        assert (watcher.release_id, watcher.generation) == ("r1", 1)
    assert stage.refused == ["missing", "r2"]


async def test_start_falls_back_to_the_previous_release_after_compaction(stage: Stage) -> None:
    corrupt(stage.releases, ReleaseId("r2"))
    await stage.announce(an_announcement("r2", 7, previous="r1"))
    async with stage.watching() as watcher:
        assert (watcher.release_id, watcher.generation) == ("r1", 6)


async def test_corrupt_release_is_refused_and_the_old_one_stays(stage: Stage) -> None:
    corrupt(stage.releases, ReleaseId("r2"))
    await stage.announce(("r1", 1))
    async with stage.watching() as watcher:
        served = watcher.current
        await stage.announce(("r2", 2))
        await until(lambda: stage.refused)
        assert watcher.current is served
        await stage.announce(("r3", 3))
        await until(lambda: watcher.release_id == "r3")
    assert stage.refused == ["r2"]


async def test_refused_release_that_is_announced_again_is_told_before_it_is_fetched(stage: Stage) -> None:
    await stage.announce(("r1", 1))
    corrupt(stage.releases, ReleaseId("r2"))
    async with stage.watching() as watcher:
        await stage.announce(("r2", 2))
        await until(lambda: stage.refused)
        stage.releases.rename(stage.releases.with_name("away"))
        await stage.announce(("r2", 3))
        await until(lambda: stage.tried == ["r1", "r2", "r2"])
        await until(lambda: "release r2 waits" in stage.health.troubles.get("release store", ""))
        assert watcher.release_id == "r1"
    assert stage.refused == ["r2"]


async def test_messages_that_are_no_announcement_are_passed_over(stage: Stage) -> None:
    await stage.announce(("r1", 1), b"{}", b"\xff", b"")
    async with stage.watching() as watcher:
        assert watcher.release_id == "r1"
    assert stage.refused == []


async def test_message_that_the_client_cannot_parse_is_passed_over(stage: Stage) -> None:
    await stage.announce(("r1", 1))
    await asyncio.to_thread(send_odd, stage.kafka["bootstrap_servers"], stage.topic)
    async with stage.watching() as watcher:
        assert watcher.release_id == "r1"
        await asyncio.to_thread(send_odd, stage.kafka["bootstrap_servers"], stage.topic)
        await stage.announce(("r2", 2))
        await until(lambda: watcher.release_id == "r2")
    assert stage.refused == []


async def test_wrong_setting_of_the_releases_stops_the_start(stage: Stage) -> None:
    await stage.announce(("r1", 1))
    watcher = stage.watcher(releases="nope://bucket")
    with pytest.raises(UsageError, match="MILLRACE_RELEASES"):
        await asyncio.wait_for(watcher.start(), DEADLINE_S)
    with pytest.raises(UsageError):
        await watcher.wait_for_release()
    assert "release store" in stage.health.troubles
    await watcher.stop()


async def test_store_that_is_away_is_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    store = upload(stage.releases)
    monkeypatch.setattr(FailingStore, "trouble", staticmethod(fail_on(VECTORS_FILE)))
    await stage.announce(("r1", 1))
    watcher = stage.watcher(releases=store)
    starting = asyncio.create_task(watcher.start())
    await until(lambda: "release store" in stage.health.troubles)
    assert not starting.done()
    monkeypatch.setattr(FailingStore, "trouble", staticmethod(lambda _: None))
    await asyncio.wait_for(starting, DEADLINE_S)
    assert (watcher.release_id, stage.refused, stage.health.troubles) == ("r1", [], {})
    await watcher.stop()


async def test_release_without_room_waits_until_there_is_some_and_the_old_one_serves_on(stage: Stage) -> None:
    await stage.announce(("r1", 1))
    async with stage.watching(releases=upload(stage.releases)) as watcher:
        cache = stage.releases / "cache"
        shutil.rmtree(cache)
        cache.touch()  # stops root too, whom a read-only folder does not
        await stage.announce(("r2", 2))
        await until(lambda: "release r2 waits" in stage.health.troubles.get("release store", ""))
        assert (watcher.release_id, stage.health.is_ready, stage.refused) == ("r1", True, [])
        cache.unlink()
        await until(lambda: watcher.release_id == "r2")
    assert (stage.swapped, stage.refused, stage.health.troubles) == (["r1", "r2"], [], {})


async def test_release_that_waits_is_left_for_a_newer_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.announce(("r1", 1))
    async with stage.watching(releases=upload(stage.releases)) as watcher:
        monkeypatch.setattr(FailingStore, "trouble", staticmethod(fail_on("r2/")))
        await stage.announce(("r2", 2))
        await until(lambda: "release r2 waits" in stage.health.troubles.get("release store", ""))
        await stage.announce(("r3", 3))
        await until(lambda: watcher.release_id == "r3")
    assert (stage.swapped, stage.refused, stage.health.troubles) == (["r1", "r3"], [], {})


async def test_start_serves_an_older_release_while_the_last_one_has_no_room(stage: Stage) -> None:
    folder = stage.releases / "r2"
    manifest = read_manifest(folder)
    digests = {name: replace(digest, bytes=10**18) for name, digest in manifest.files.items()}
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(replace(manifest, files=digests)))
    await stage.announce(("r1", 1), ("r2", 2))
    async with stage.watching(releases=upload(stage.releases)) as watcher:
        assert (watcher.release_id, stage.refused, stage.health.is_ready) == ("r1", [], True)
        assert "no room in" in stage.health.troubles["release store"]


async def test_start_waits_for_kafka_and_says_so(tmp_path: Path) -> None:
    stage = Stage(f"127.0.0.1:{free_port()}", "releases", tmp_path)
    watcher = stage.watcher()
    starting = asyncio.create_task(watcher.start())
    await until(lambda: "releases topic" in stage.health.troubles)
    assert not starting.done()
    starting.cancel()
    await watcher.stop()
