"""The lock of the cycle: one holder at a time, on every kind of Redis, also where Redis forgets."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from retrain.cycle.cycle_lock import CycleLock, take_lock
from retrain.cycle.live_workers import live_workers
from retrain.cycle.retrain_redis import Client, open_retrain_redis
from retrain.cycle.status_board import StatusBoard, read_board
from retrain.settings import RetrainSettings
from schemas.cycle_status import RunningRelease
from schemas.errors import Unavailable, UsageError
from schemas.ids import ReleaseId
from schemas.redis_keys import CYCLE_FENCE, CYCLE_LOCK, WORKERS
from streams.dev.ports import free_port
from tests.services.redis_cluster import RedisCluster
from tests.services.redis_sentinels import PASSWORD, running_watched_redis
from tests.services.redis_servers import PrivateRedis
from tests.waiting import DEADLINE_S

TTL_S = 60.0


def a_client(redis_url: str) -> Client:
    return open_retrain_redis(RetrainSettings(redis_url=redis_url))


@pytest.fixture
def redis(redis_url: str) -> Iterator[Client]:
    client = a_client(redis_url)
    yield client
    client.close()


class Watch:
    """A clock that waiting moves on."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def take(redis: Client, holder: str = "me", ttl_s: float = TTL_S) -> CycleLock:
    watch = Watch()
    return take_lock(redis, holder, ttl_s, clock=watch, sleep=watch.sleep)


def test_tokens_rise(redis: Client) -> None:
    tokens = []
    for _ in range(3):
        lock = take(redis)
        tokens.append(lock.token)
        lock.give_back()
    assert tokens == [1, 2, 3]
    assert redis.get(CYCLE_LOCK) is None


def test_second_holder_is_refused_with_the_name_of_the_first(redis: Client) -> None:
    lock = take(redis, "host a, process 7")
    with pytest.raises(UsageError, match="a retrain cycle runs already: host a, process 7; see `millrace"):
        take(redis)
    lock.check()
    lock.give_back()


def test_lock_that_is_renewed_is_not_waited_for(redis: Client) -> None:
    lock, watch, said = take(redis, "first"), Watch(), list[str]()

    def renew(seconds: float) -> None:
        watch.sleep(seconds)
        redis.pexpire(CYCLE_LOCK, int(1000 * (TTL_S + watch.now_s)))

    with pytest.raises(UsageError, match="first"):
        take_lock(redis, "me", TTL_S, said.append, clock=watch, sleep=renew)
    assert watch.now_s < 1
    assert said == ["the lock is held by first; if it was killed, its lock expires in 60 s"]
    lock.give_back()


def test_lock_of_a_killed_holder_is_taken_once_it_expires(redis: Client) -> None:
    redis.set(CYCLE_FENCE, 4)
    redis.set(CYCLE_LOCK, "4 nonce dead", px=150)
    lock = take_lock(redis, "me", 0.5)
    assert lock.token == 5
    lock.give_back()


def test_holder_that_another_has_followed_is_told(redis: Client) -> None:
    lock = take(redis)
    redis.delete(CYCLE_LOCK)
    other = take(redis, "other")
    with pytest.raises(Unavailable, match=r"was lost \(token 1\)"):
        lock.check()
    lock.give_back()
    other.check()
    other.give_back()


def test_lock_that_expired_is_held_again_where_nobody_has_taken_it(redis: Client) -> None:
    lock = take(redis)
    redis.delete(CYCLE_LOCK)
    lock.check()
    with pytest.raises(UsageError, match="runs already"):
        take(redis, "other")
    lock.give_back()


def test_lock_that_another_took_and_gave_back_stays_lost(redis: Client) -> None:
    lock = take(redis)
    redis.delete(CYCLE_LOCK)
    take(redis, "other").give_back()
    with pytest.raises(Unavailable, match="was lost"):
        lock.check()
    lock.give_back()


def test_redis_that_forgot_everything_hands_nobody_the_lock_of_another(redis: Client) -> None:
    lock = take(redis)
    redis.delete(CYCLE_LOCK, CYCLE_FENCE)
    other = take(redis, "other")
    assert other.token == lock.token
    with pytest.raises(Unavailable, match="was lost"):
        lock.check()
    other.check()
    for one in (lock, other):
        one.give_back()


@pytest.mark.parametrize("left", [None, 4])
def test_lock_that_a_failover_lost_is_held_again_and_the_tokens_go_on(
    redis: Client, left: int | None
) -> None:
    redis.set(CYCLE_FENCE, 4)
    lock = take(redis)
    redis.delete(CYCLE_LOCK, CYCLE_FENCE)
    if left is not None:
        redis.set(CYCLE_FENCE, left)
    lock.check()
    with pytest.raises(UsageError, match="runs already"):
        take(redis, "other")
    lock.give_back()
    other = take(redis, "other")
    assert other.token == lock.token + 1
    other.give_back()


def test_who_lost_the_lock_writes_nothing_on_the_board(redis: Client) -> None:
    lock = take(redis)
    board = StatusBoard(redis, lock.value, kept=5)
    redis.set(CYCLE_LOCK, "9 nonce other")
    marked = "2026-01-01T00:00:00Z"
    running = RunningRelease(release_id=ReleaseId("r1"), generation=1, cycle_id="c", marked_at=_time(marked))
    with pytest.raises(Unavailable, match="was lost"):
        board.runs(running)
    assert read_board(redis).running is None
    lock.give_back()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_lock_is_renewed_while_it_is_held(redis: Client) -> None:
    lock = take(redis, ttl_s=0.5)
    before = redis.pttl(CYCLE_LOCK)
    seen = [before]
    while seen[-1] <= min(seen):
        seen.append(redis.pttl(CYCLE_LOCK))
        assert len(seen) < 100_000
    assert seen[-1] > 0
    lock.give_back()


def test_lock_outlives_a_redis_that_is_away_for_a_while(private_redis: PrivateRedis) -> None:
    redis = a_client(private_redis.url)
    lock = take(redis)
    private_redis.stop()
    with pytest.raises(Unavailable, match="Redis does not answer"):
        lock.check()
    private_redis.start()
    lock.check()
    lock.give_back()
    redis.close()


def test_lock_that_cannot_be_given_back_expires(private_redis: PrivateRedis) -> None:
    redis = a_client(private_redis.url)
    lock = take(redis)
    private_redis.stop()
    lock.give_back()
    private_redis.start()
    assert 0 < redis.pttl(CYCLE_LOCK) <= 1000 * TTL_S
    redis.close()


def test_lock_and_board_work_on_a_cluster(redis_cluster: RedisCluster) -> None:
    redis = a_client(redis_cluster.url)
    lock = take(redis, "clustered")
    with pytest.raises(UsageError, match="clustered"):
        take(redis)
    assert read_board(redis).lock == "clustered"
    lock.give_back()
    assert read_board(redis).lock is None
    assert live_workers(redis) == []
    redis.close()


def test_lock_follows_the_sentinels_to_the_next_master(tmp_path: Path) -> None:
    with running_watched_redis(tmp_path) as watched:
        settings = RetrainSettings(redis_url=watched.url, redis_sentinel_password=PASSWORD)
        redis = open_retrain_redis(settings)
        lock = take(redis)
        watched.kill_master()
        deadline = time.monotonic() + DEADLINE_S
        while not held(lock):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        lock.give_back()
        redis.close()


def held(lock: CycleLock) -> bool:
    try:
        lock.check()
    except Unavailable:
        return False
    return True


def test_what_is_no_heartbeat_is_passed_over(redis: Client) -> None:
    redis.hset(WORKERS, "w", b"{")
    assert live_workers(redis) == []


def test_wrong_password_is_told_with_its_setting(private_redis: PrivateRedis) -> None:
    private_redis.configure("requirepass", "right-one")
    redis = a_client(private_redis.url.replace("redis://", "redis://:wrong-one@"))
    with pytest.raises(UsageError, match=r"Redis refuses retrain: .*\(MILLRACE_REDIS_URL\)"):
        take(redis)
    redis.close()


def test_redis_that_is_away_is_told_with_its_setting() -> None:
    redis = a_client(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(Unavailable, match="MILLRACE_REDIS_URL"):
        take(redis)
