"""A watch on real Kafka and Redis: heartbeats are written, and a breach announces the release before it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from retrain.release_watch.going_back import go_back
from retrain.release_watch.release_watch import watch_release
from retrain.release_watch.watch_commands import running_watched
from retrain.release_watch.watch_judgement import WatchRules
from retrain.release_watch.watch_verdict import WatchedRelease, WatchVerdict
from retrain.releases.announcing import announce, read_announcements, running_announcement
from schemas.connections import kafka_arguments
from schemas.errors import Unavailable
from schemas.ids import ReleaseId
from schemas.redis_keys import WORKERS
from schemas.release_announcement import ReleaseAnnouncement
from schemas.settings import SharedSettings
from schemas.worker_heartbeat import (
    OnlineCounts,
    WorkerHeartbeat,
    decode_worker_heartbeat,
    encode_worker_heartbeat,
)
from streams.dev.ports import free_port
from tests.release_builder import corrupt, write_release_tables
from tests.services.kafka_broker import Kafka

R1, R2, R3 = (ReleaseId(name) for name in ("r1", "r2", "r3"))
STARTED = datetime(2026, 1, 1, tzinfo=UTC)
RULES = WatchRules(period_s=60, error_rate=0.01, hit_rate_drop=0.2, min_events=200)
GOOD = OnlineCounts(events=5000, predictions=4000, hits=1600)


class WorkersThat:
    """Workers whose heartbeats lie in a real Redis, and a clock that moves when somebody sleeps.

    With each sleep the workers do `step` more events of the watched release.
    """

    def __init__(self, url: str, step: OnlineCounts) -> None:
        self._redis = Redis.from_url(url)
        self._now_s = 0.0
        self.step = step
        self.generation = 2
        self.refused: dict[ReleaseId, str] = {}
        self.away_looks: set[int] = set()
        self.looks = 0

    def close(self) -> None:
        self._redis.close()

    def monotonic(self) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        self._now_s += seconds

    def look(self) -> list[WorkerHeartbeat]:
        self.looks += 1
        if self.looks in self.away_looks:
            raise Unavailable("Redis: connection refused")
        for name in ("w1", "w2"):
            self._redis.hset(WORKERS, name, encode_worker_heartbeat(self._beat(name)))
        values = cast(list[bytes], self._redis.hvals(WORKERS))
        return [decode_worker_heartbeat(value) for value in values]

    def _beat(self, name: str) -> WorkerHeartbeat:
        done = self.looks - 1
        step = self.step
        new = OnlineCounts(
            events=done * step.events,
            predictions=done * step.predictions,
            hits=done * step.hits,
            errors=done * step.errors,
        )
        return WorkerHeartbeat(
            worker_id=name,
            at=STARTED + timedelta(hours=1, seconds=self._now_s),
            started_at=STARTED,
            ready=True,
            release_id=R2,
            generation=self.generation,
            refused=self.refused,
            online={R1: GOOD, R2: new},
        )


@pytest.fixture
def settings(kafka: Kafka, prefix: str, tmp_path: Path) -> SharedSettings:
    for name in (R1, R2, R3):
        write_release_tables(tmp_path, name, ["a", "b"])
    topic = kafka.create_topic(f"{prefix}releases", partitions=1)
    settings = SharedSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers, releases_topic=topic, releases=str(tmp_path)
    )
    for release in (R1, R2):
        announce(kafka_arguments(settings), topic, release)
    return settings


@pytest.fixture
def workers(redis_url: str) -> Iterator[WorkersThat]:
    found = WorkersThat(redis_url, OnlineCounts(events=50, predictions=40, hits=16))
    yield found
    found.close()


def watched(settings: SharedSettings, workers: WorkersThat, previous: ReleaseId | None = R1) -> WatchVerdict:
    return watch_release(settings, workers.look, WatchedRelease(R2, 2, previous), RULES, workers)


def running(settings: SharedSettings) -> ReleaseAnnouncement:
    found = running_announcement(read_announcements(kafka_arguments(settings), settings.releases_topic))
    assert found is not None
    return found


def test_release_that_does_as_well_is_kept(settings: SharedSettings, workers: WorkersThat) -> None:
    verdict = watched(settings, workers)
    assert (verdict.outcome, verdict.watched_s) == ("kept", 60)
    assert verdict.reason == "3000 events, 0 errors; hit rate 0.4000, before it 0.4000"
    assert verdict.incumbent == OnlineCounts(events=10_000, predictions=8000, hits=3200)
    assert running(settings).release_id == R2


def test_release_whose_hit_rate_drops_is_rolled_back_with_a_reason(
    settings: SharedSettings, workers: WorkersThat
) -> None:
    workers.step = OnlineCounts(events=50, predictions=40, hits=6)
    verdict = watched(settings, workers)
    assert (verdict.outcome, verdict.rolled_back_to, verdict.rolled_back_generation) == ("rolled_back", R1, 3)
    assert verdict.watched_s < 30
    now = running(settings)
    assert (now.release_id, now.generation, now.previous) == (R1, 3, R2)
    assert str(now.reason).startswith("automatic rollback of r2: hit rate: 0.1500 over")


def test_release_that_fails_events_is_rolled_back(settings: SharedSettings, workers: WorkersThat) -> None:
    workers.step = OnlineCounts(events=45, errors=5)
    assert watched(settings, workers).outcome == "rolled_back"
    assert "errors: 10 of 100 events failed" in str(running(settings).reason)


def test_release_that_every_worker_refuses_is_rolled_back(
    settings: SharedSettings, workers: WorkersThat
) -> None:
    workers.generation, workers.refused = 1, {R2: "its hash is wrong"}
    assert watched(settings, workers).outcome == "rolled_back"
    assert "refused by every live worker (2): its hash is wrong" in str(running(settings).reason)


def test_watch_goes_on_when_redis_is_back(settings: SharedSettings, workers: WorkersThat) -> None:
    workers.away_looks = {1, 2, *range(5, 50)}
    workers.step = OnlineCounts(events=50, predictions=40, hits=6)
    verdict = watched(settings, workers)
    assert verdict.outcome == "rolled_back"
    assert verdict.watched_s < 30 < workers.monotonic()


def test_release_that_another_followed_is_left_alone(settings: SharedSettings, workers: WorkersThat) -> None:
    announce(kafka_arguments(settings), settings.releases_topic, R3)
    workers.step = OnlineCounts(events=0, errors=10)
    verdict = watched(settings, workers)
    assert verdict.outcome == "superseded"
    assert "another release was announced meanwhile" in verdict.reason
    assert running(settings).release_id == R3


def test_watch_ends_when_workers_serve_a_later_announcement(
    settings: SharedSettings, workers: WorkersThat
) -> None:
    workers.generation = 3
    assert watched(settings, workers).outcome == "superseded"


def test_breach_without_a_release_to_go_back_to_is_told(
    settings: SharedSettings, workers: WorkersThat
) -> None:
    workers.step = OnlineCounts(errors=10)
    verdict = watched(settings, workers, previous=None)
    assert (verdict.outcome, running(settings).release_id) == ("breached", R2)
    corrupt(Path(settings.releases), R1)
    workers.looks = 0
    verdict = watched(settings, workers)
    assert verdict.outcome == "breached"
    assert "r1: item_vectors.npy is corrupt" in verdict.reason
    assert running(settings).release_id == R2


def test_watch_that_is_told_to_stop_stops(settings: SharedSettings, workers: WorkersThat) -> None:
    watched_release = WatchedRelease(R2, 2, R1)
    stop = lambda: workers.looks >= 3  # noqa: E731
    verdict = watch_release(settings, workers.look, watched_release, RULES, workers, stop)
    assert (verdict.outcome, verdict.watched_s) == ("stopped", 6)
    assert running(settings).release_id == R2


def test_rollback_whose_answer_was_lost_is_not_announced_again(settings: SharedSettings) -> None:
    first = go_back(settings, R2, 2, R1, "why")
    again = go_back(settings, R2, 2, R1, "why")
    assert first is not None
    assert first == again
    assert running(settings) == first


def test_watch_that_is_told_to_stop_while_kafka_is_away_says_what_it_found(
    settings: SharedSettings, workers: WorkersThat
) -> None:
    away = SharedSettings(
        kafka_bootstrap_servers=f"127.0.0.1:{free_port()}", releases=settings.releases, releases_topic="none"
    )
    workers.step = OnlineCounts(errors=10)
    verdict = watch_release(
        away, workers.look, WatchedRelease(R2, 2, R1), RULES, workers, lambda: workers.monotonic() >= 4
    )
    assert verdict.outcome == "stopped"
    assert verdict.reason.endswith("told to stop before the rollback was announced")


def test_command_goes_back_to_none_that_was_left_for_an_earlier_one(settings: SharedSettings) -> None:
    assert running_watched(settings, R2) == (R2, 2, R1)
    announce(kafka_arguments(settings), settings.releases_topic, R1)
    assert running_watched(settings, R1) == (R1, 3, None)
    announce(kafka_arguments(settings), settings.releases_topic, R3)
    assert running_watched(settings, R3) == (R3, 4, R1)
