"""A watch that reads a real Redis, as the command does, goes on when that was away."""

from pathlib import Path

import pytest
from redis import Redis

from retrain.cycle.live_workers import live_workers
from retrain.cycle.retrain_redis import open_retrain_redis
from retrain.release_watch.release_watch import watch_release
from retrain.release_watch.watch_judgement import WatchRules
from retrain.release_watch.watch_verdict import WatchedRelease
from retrain.releases.announcing import announce, read_announcements, running_announcement
from schemas.connections import kafka_arguments
from schemas.ids import ReleaseId
from schemas.redis_keys import WORKERS
from schemas.settings import SharedSettings
from schemas.timestamps import from_epoch_ms
from schemas.worker_heartbeat import OnlineCounts, WorkerHeartbeat, encode_worker_heartbeat
from tests.release_builder import write_release_tables
from tests.services.kafka_broker import Kafka
from tests.services.redis_servers import PrivateRedis

R1, R2 = ReleaseId("r1"), ReleaseId("r2")
RULES = WatchRules(period_s=600, error_rate=0.01, hit_rate_drop=0.2, min_events=200)


class WorkerOnRedis:
    """One worker that beats whenever the watch sleeps, if Redis is there; it fails half of its events.

    Redis stops at the watch's third sleep and is back at the sixth.
    """

    def __init__(self, redis: PrivateRedis) -> None:
        self.sleeps = 0
        self._redis = redis
        self._started_at = self._now_ms()
        self._beat()

    def monotonic(self) -> float:
        return 2.0 * self.sleeps

    def sleep(self, _: float) -> None:
        self.sleeps += 1
        if self.sleeps == 3:
            self._redis.stop()
        if self.sleeps == 6:
            self._redis.start()
        if not 3 <= self.sleeps < 6:
            self._beat()

    def _now_ms(self) -> int:
        with Redis(port=self._redis.port) as client:
            seconds, micros = client.time()
        return int(1000 * seconds + micros / 1000)

    def _beat(self) -> None:
        done = max(0, self.sleeps - 1)
        beat = WorkerHeartbeat(
            worker_id="w1",
            at=from_epoch_ms(self._now_ms()),
            started_at=from_epoch_ms(self._started_at),
            ready=True,
            release_id=R2,
            generation=2,
            online={R2: OnlineCounts(events=done, errors=done)},
        )
        with Redis(port=self._redis.port) as client:
            client.hset(WORKERS, "w1", encode_worker_heartbeat(beat))


@pytest.fixture
def settings(kafka: Kafka, private_redis: PrivateRedis, prefix: str, tmp_path: Path) -> SharedSettings:
    for name in (R1, R2):
        write_release_tables(tmp_path, name, ["a", "b"])
    settings = SharedSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        redis_url=private_redis.url,
        releases_topic=kafka.create_topic(f"{prefix}releases", partitions=1),
        releases=str(tmp_path),
    )
    for release in (R1, R2):
        announce(kafka_arguments(settings), settings.releases_topic, release)
    return settings


def test_watch_goes_on_when_redis_is_back_and_rolls_back(
    settings: SharedSettings, private_redis: PrivateRedis
) -> None:
    worker, redis = WorkerOnRedis(private_redis), open_retrain_redis(settings)
    verdict = watch_release(settings, lambda: live_workers(redis), WatchedRelease(R2, 2, R1), RULES, worker)
    redis.close()
    assert worker.sleeps >= 6
    assert (verdict.outcome, verdict.rolled_back_to) == ("rolled_back", R1)
    assert verdict.reason.startswith("errors: 5 of 10 events failed")
    running = running_announcement(read_announcements(kafka_arguments(settings), settings.releases_topic))
    assert running is not None
    assert (running.release_id, running.generation) == (R1, 3)
