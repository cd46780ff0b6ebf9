"""Workers tell in Redis what they serve and how they do, and are forgotten when they are gone."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis
from structlog.testing import capture_logs

from schemas.errors import Unavailable
from schemas.ids import ReleaseId
from schemas.redis_keys import WORKERS
from schemas.worker_heartbeat import WorkerHeartbeat, decode_worker_heartbeat, encode_worker_heartbeat
from streams.dev.ports import free_port
from streams.heartbeat import Heartbeat, worker_name
from tests.release_builder import corrupt
from tests.services.redis_servers import PrivateRedis
from tests.streams.heartbeats import beats
from tests.streams.redis_kinds import KINDS, redis_of_kind
from tests.streams.test_release_swaps import OTHER_ITEMS
from tests.streams.worker_stage import Stage
from tests.successor_release import write_successor_release
from tests.waiting import until


def serving(bare: WorkerHeartbeat) -> WorkerHeartbeat:
    return replace(bare, ready=True, release_id=ReleaseId("r1"), generation=3)


async def stored(redis: "Redis") -> dict[str, WorkerHeartbeat]:
    found = cast(dict[bytes, bytes], await redis.hgetall(WORKERS))
    return {name.decode(): decode_worker_heartbeat(value) for name, value in found.items()}


@pytest.mark.parametrize("kind", KINDS)
async def test_heartbeat_says_what_is_served_by_the_clock_of_redis(
    kind: str, request: pytest.FixtureRequest
) -> None:
    async with redis_of_kind(kind, request) as redis:
        heart = Heartbeat(redis, "w1", serving)
        await heart.beat()
        first = (await stored(redis))["w1"]
        await heart.beat()
        second = (await stored(redis))["w1"]
    assert (first.release_id, first.generation, first.ready) == ("r1", 3, True)
    assert abs(first.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert first.started_at == second.started_at == first.at < second.at


async def test_worker_that_was_silent_for_a_day_is_forgotten_and_a_newer_version_is_not(
    redis_url: str,
) -> None:
    async with Redis.from_url(redis_url) as redis:
        await Heartbeat(redis, "live", serving).beat()
        now = (await stored(redis))["live"].at
        for name, age_h in (("gone", 25), ("away", 23)):
            at = now - timedelta(hours=age_h)
            silent = WorkerHeartbeat(worker_id=name, at=at, started_at=at, ready=True)
            await redis.hset(WORKERS, name, encode_worker_heartbeat(silent))
        await redis.hset(WORKERS, "newer", b"{}")
        await Heartbeat(redis, "other", serving).beat()
        names = await redis.hkeys(WORKERS)
    assert sorted(names) == [b"away", b"live", b"newer", b"other"]


async def test_worker_that_stops_is_not_waited_for(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        heart, other = Heartbeat(redis, "w1", serving), Heartbeat(redis, "w2", serving)
        await heart.beat()
        await other.beat()
        await heart.farewell()
        assert (await stored(redis)).keys() == {"w2"}


async def test_redis_that_is_away_fails_the_beat_and_not_the_farewell() -> None:
    async with Redis(port=free_port()) as redis:
        heart = Heartbeat(redis, "w1", serving)
        with pytest.raises(Unavailable):
            await heart.beat()
        await heart.farewell()


async def test_heartbeat_goes_on_when_redis_is_back(private_redis: PrivateRedis) -> None:
    async with Redis(port=private_redis.port) as redis:
        told: list[WorkerHeartbeat] = []

        def telling(bare: WorkerHeartbeat) -> WorkerHeartbeat:
            told.append(bare)
            return serving(bare)

        heart = Heartbeat(redis, "w1", telling)
        running = asyncio.create_task(heart.run())
        await until(lambda: told)
        private_redis.stop()
        with capture_logs() as logs:
            heart.beat_soon()
            await until(lambda: [one for one in logs if "no heartbeat" in one["event"]])
        private_redis.start()
        before = len(told)
        await until(lambda: len(told) > before + 1)
        assert (await stored(redis))["w1"].started_at == told[0].at
        running.cancel()


async def test_bug_in_what_is_told_does_not_end_the_heartbeat(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        tries: list[int] = []

        def failing_once(bare: WorkerHeartbeat) -> WorkerHeartbeat:
            tries.append(1)
            if len(tries) == 1:
                raise ValueError("a bug")
            return serving(bare)

        heart = Heartbeat(redis, "w1", failing_once)
        running = asyncio.create_task(heart.run())
        await until(lambda: tries)
        heart.beat_soon()
        await until(lambda: len(tries) > 1)
        running.cancel()


def test_worker_without_a_name_of_its_own_gets_one_that_no_other_has() -> None:
    assert worker_name("shop-1") == "shop-1"
    assert worker_name(None) != worker_name(None)


def test_running_worker_tells_its_release_its_refusals_and_its_counts(stage: Stage) -> None:
    worker = stage.start_worker()
    traffic = stage.traffic()
    traffic.clicks(["a", "b"], each=5)
    worker.wait_for(lambda: any(one.online for one in beats(stage)), "telling its counts")
    (first,) = beats(stage)
    assert (first.release_id, first.generation, first.ready, first.refused) == ("r1", 1, True, {})
    worker.wait_for(lambda: beats(stage)[0].online[ReleaseId("r1")].events == 10, "telling all of them")
    write_successor_release(stage.releases, "r2", OTHER_ITEMS)
    corrupt(stage.releases, ReleaseId("r2"))
    stage.announce(ReleaseId("r2"))
    worker.wait_for(lambda: beats(stage)[0].refused, "telling its refusal")
    assert "is corrupt, its SHA-256 is" in beats(stage)[0].refused[ReleaseId("r2")]
    third = stage.publish("r3", OTHER_ITEMS)
    worker.wait_for(lambda: beats(stage)[0].generation == 3, "telling the new generation")
    assert (beats(stage)[0].release_id, beats(stage)[0].started_at) == (third, first.started_at)
    assert worker.stop() == 0
    assert beats(stage) == []
