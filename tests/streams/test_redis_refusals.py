"""What Redis answers in place of doing something, by its fate: to be waited for, or to end with."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
from redis.asyncio import Redis

from schemas.errors import Unavailable, UsageError
from schemas.settings import SharedSettings
from streams.redis_clients import answered, open_redis


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator["Redis"]:
    client = open_redis(SharedSettings(redis_url=redis_url))
    yield client
    await client.aclose()


def refusal(redis: "Redis", words: str) -> Awaitable[Any]:
    """A command that a real Redis refuses in these words."""
    return redis.eval("return redis.error_reply(ARGV[1])", 0, words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'.", "it is full .*; raise maxmemory"),
        ("READONLY You can't write against a read only replica.", "MILLRACE_REDIS_URL leads to a replica"),
        ("LOADING Redis is loading the dataset in memory", "loading the dataset"),
        ("MISCONF Redis is configured to save RDB snapshots, but cannot", "cannot"),
        ("BUSY Redis is busy running a script.", "busy"),
        ("NOREPLICAS Not enough good replicas to write.", "Not enough good replicas"),
        ("MASTERDOWN Link with MASTER is down", "is down"),
        ("CLUSTERDOWN The cluster is down", "is down"),
        ("TRYAGAIN Multiple keys request during rehashing of slot", "rehashing"),
        ("ERR max number of clients reached", "max number of clients"),
    ],
)
async def test_refusal_that_can_pass_is_waited_for(redis: "Redis", words: str, told: str) -> None:
    with pytest.raises(Unavailable, match=told):
        await answered(refusal(redis, words))


@pytest.mark.parametrize("words", ["NOPERM no permission", "NOAUTH Authentication required", "WRONGPASS no"])
async def test_refusal_of_a_user_is_not_waited_for(redis: "Redis", words: str) -> None:
    with pytest.raises(UsageError, match="check user, password and the user's ACL"):
        await answered(refusal(redis, words))
