import pytest
import redis

from tests.services.redis_servers import PrivateRedis, RedisServer


def test_each_test_has_a_database_of_its_own(redis_server: RedisServer) -> None:
    with (
        redis.Redis.from_url(redis_server.fresh_database()) as one,
        redis.Redis.from_url(redis_server.fresh_database()) as other,
    ):
        one.set("key", "value")
        assert other.get("key") is None


def test_stopped_redis_comes_back_with_its_data(private_redis: PrivateRedis) -> None:
    with redis.Redis.from_url(private_redis.url) as client:
        client.set("key", "value")
        private_redis.stop()
        assert not private_redis.answers()
        private_redis.start()
        assert client.get("key") == b"value"


def test_restored_redis_has_the_older_data(private_redis: PrivateRedis) -> None:
    with redis.Redis.from_url(private_redis.url) as client:
        client.set("key", "old")
        snapshot = private_redis.snapshot()
        client.set("key", "new")
        private_redis.restore(snapshot)
        assert client.get("key") == b"old"
        private_redis.restore(None)
        assert client.get("key") is None


def test_paused_redis_answers_when_it_is_resumed(private_redis: PrivateRedis) -> None:
    with redis.Redis.from_url(private_redis.url, socket_timeout=0.2) as client:
        private_redis.pause()
        with pytest.raises(redis.TimeoutError):
            client.get("key")
        private_redis.resume()
        assert client.get("key") is None
