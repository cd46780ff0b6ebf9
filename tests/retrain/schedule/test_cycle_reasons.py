"""What the retrain process finds in Kafka, Redis, the releases and its work folder."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from math import isnan
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from retrain.cycle.retrain_redis import Client, open_retrain_redis
from retrain.cycle.work_folder import WorkFolder
from retrain.releases.announcing import announce
from retrain.schedule.cron_times import CronTimes
from retrain.schedule.cycle_reasons import CycleReasons
from retrain.schedule.request_topic import RequestTopic
from retrain.schedule.retrain_metrics import RetrainMetrics
from retrain.settings import RetrainSettings
from schemas.connections import kafka_arguments
from schemas.cycle_status import RunningRelease
from schemas.errors import UsageError
from schemas.ids import ReleaseId
from schemas.redis_keys import CYCLE_LOCK, RUNNING_RELEASE, SCHEDULE_DUE, WORKERS
from schemas.retrain_cycle import CycleRecord
from schemas.run_record import RunSource
from schemas.worker_heartbeat import OnlineCounts, WorkerHeartbeat, encode_worker_heartbeat
from tests.services.kafka_broker import Kafka

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Stage:
    """Reasons at a time that the test says."""

    def __init__(self, settings: RetrainSettings) -> None:
        self.settings = settings
        self.now = NOON
        self.redis: Client = open_retrain_redis(settings)
        self.metrics = RetrainMetrics(CollectorRegistry())
        self.requests = RequestTopic(settings, lambda _: None)
        cron = CronTimes("0 3 * * *", "UTC", 0, "test")
        self.reasons = CycleReasons(settings, self.redis, cron, self.requests, self.metrics, lambda: self.now)

    async def announce(self, release_id: str) -> None:
        kafka, topic = kafka_arguments(self.settings), self.settings.releases_topic
        await asyncio.to_thread(announce, kafka, topic, ReleaseId(release_id))

    def beat(self, predictions: int, hits: int) -> None:
        counts = {ReleaseId("r1"): OnlineCounts(predictions=predictions, hits=hits)}
        at = datetime.now(UTC)
        heartbeat = WorkerHeartbeat(worker_id="w", at=at, started_at=NOON, ready=True, online=counts)
        self.redis.hset(WORKERS, "w", encode_worker_heartbeat(heartbeat))


@pytest.fixture
async def stage(kafka: Kafka, redis_url: str, prefix: str, tmp_path: Path) -> AsyncIterator[Stage]:
    settings = RetrainSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        redis_url=redis_url,
        event_topics=[kafka.create_topic(f"{prefix}events", 2)],
        releases_topic=kafka.create_topic(f"{prefix}releases", 1),
        retrain_requests_topic=kafka.create_topic(f"{prefix}requests", 1),
        retrain_group=f"{prefix}group",
        retrain_work=tmp_path / "work",
        retrain_hit_rate_drop=0.2,
        retrain_hit_rate_predictions=100,
        retrain_poll_s=60,
    )
    made = Stage(settings)
    yield made
    await made.requests.stop()


async def test_idle_process_finds_nothing(stage: Stage) -> None:
    found = await stage.reasons.look()
    assert found is not None
    assert (found.due, found.requests, found.unfinished, found.new_events) == (None, [], "", 0)


async def test_time_that_was_missed_is_due_until_it_is_taken(stage: Stage) -> None:
    stage.redis.set(SCHEDULE_DUE, int((NOON - timedelta(days=2)).timestamp()))
    found = await stage.reasons.look()
    assert found is not None
    assert found.due == datetime(2026, 6, 1, 3, tzinfo=UTC)
    assert await stage.reasons.take(found.due)
    assert not await stage.reasons.take(found.due)
    again = await stage.reasons.look()
    assert again is not None
    assert again.due is None


async def test_cycle_that_was_killed_here_is_found(stage: Stage) -> None:
    record = CycleRecord(
        cycle_id="cycle-1", trigger="test", started_at=NOON, config={}, source=RunSource(name="events")
    )
    WorkFolder(stage.settings.retrain_work).save(record)
    found = await stage.reasons.look()
    assert found is not None
    assert found.unfinished == "cycle-1"
    (stage.settings.retrain_work / "cycle.json").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        await stage.reasons.look()


async def test_nothing_speaks_for_a_cycle_while_one_runs_elsewhere(stage: Stage) -> None:
    stage.redis.set(CYCLE_LOCK, "1 nonce another")
    assert await stage.reasons.look() is None


async def test_fallen_hit_rate_is_found_at_the_next_poll_until_a_cycle_begins(stage: Stage) -> None:
    running = RunningRelease(
        release_id=ReleaseId("r1"), generation=1, cycle_id="c", marked_at=NOON, newest_event_at=NOON
    )
    stage.redis.set(RUNNING_RELEASE, _encoded(running))
    await stage.announce("r1")
    told = []
    for look, (predictions, hits) in enumerate([(100, 50), (200, 60), (200, 60), (200, 60)]):
        stage.now = NOON + timedelta(seconds=[0, 30, 60, 61][look])
        stage.beat(predictions, hits)
        found = await stage.reasons.look()
        assert found is not None
        told.append(found.hit_rate)
    fell = "the online hit rate fell from 0.5000 to 0.1000"
    assert told == ["", "", fell, fell]
    stage.reasons.begun()
    found = await stage.reasons.look()
    assert found is not None
    assert found.hit_rate == ""
    labels = {"release_id": "r1"}
    value = stage.metrics.registry.get_sample_value
    assert value("millrace_retrain_running_release", labels) == 1
    assert value("millrace_retrain_data_age_seconds") == 61


async def test_release_that_was_announced_by_hand_is_the_one_that_is_shown(stage: Stage) -> None:
    running = RunningRelease(
        release_id=ReleaseId("r1"), generation=1, cycle_id="c", marked_at=NOON, newest_event_at=NOON
    )
    stage.redis.set(RUNNING_RELEASE, _encoded(running))
    value = stage.metrics.registry.get_sample_value
    for release_id in ("r1", "r2"):
        await stage.announce(release_id)
    await stage.reasons.look()
    assert value("millrace_retrain_running_release", {"release_id": "r1"}) is None
    assert value("millrace_retrain_running_release", {"release_id": "r2"}) == 2
    assert isnan(value("millrace_retrain_data_age_seconds") or 0)


async def test_fallen_hit_rate_is_no_reason_any_more_when_another_release_runs(stage: Stage) -> None:
    told = []
    for look, (release_id, predictions) in enumerate([("r1", 100), ("", 200), ("r2", 200), ("", 200)]):
        if release_id:
            await stage.announce(release_id)
        stage.now = NOON + timedelta(minutes=look)
        stage.beat(predictions, 50)
        found = await stage.reasons.look()
        assert found is not None
        told.append(found.hit_rate)
    assert told == ["", "the online hit rate fell from 0.5000 to 0.0000", "", ""]


def _encoded(running: RunningRelease) -> bytes:
    return msgspec.json.encode(running)
