from pathlib import Path

import pytest
import redis

from schemas.errors import UsageError
from streams.dev.embedded_redis import EmbeddedRedis, find_redis_server, redis_answers


def test_embedded_redis_keeps_values_until_its_block_ends() -> None:
    with EmbeddedRedis() as embedded:
        with redis.Redis.from_url(embedded.url) as client:
            client.set("key", "value")
            assert client.get("key") == b"value"
        assert redis_answers(embedded.port)
    assert not redis_answers(embedded.port)


def test_scripts_run_in_the_redis_of_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with EmbeddedRedis() as embedded, redis.Redis.from_url(embedded.url) as client:
        assert client.register_script("return ARGV[1]")(args=["works"]) == b"works"


def test_redis_on_path_goes_before_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = tmp_path / "redis-server"
    server.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_server() == server


def test_without_any_redis_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(
        UsageError, match=r"no redis-server found: install one .*apt-get install redis-server"
    ):
        find_redis_server()
