"""Of two workers with one name in the consumer group, the older ends."""

import pytest
from redis.asyncio import Redis

from schemas.errors import UsageError
from streams.instance_claim import InstanceClaim
from tests.streams.emitted_lists import EmittedLists
from tests.streams.worker_stage import Stage
from tests.streams.worker_troubles import refusal_of

NAME = "worker-1"


async def test_last_claim_holds(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        older, younger = InstanceClaim(redis, "shop", NAME), InstanceClaim(redis, "shop", NAME)
        await older.make()
        await older.look()
        await younger.make()
        await younger.look()
        with pytest.raises(UsageError, match="MILLRACE_GROUP_INSTANCE_ID=worker-1: another worker"):
            await older.look()


async def test_claim_that_redis_has_lost_is_made_again(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        claim = InstanceClaim(redis, "shop", NAME)
        await claim.make()
        await redis.flushdb()
        await claim.look()
        await claim.look()


async def test_same_name_in_another_group_is_another_worker(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        one, other = InstanceClaim(redis, "shop", NAME), InstanceClaim(redis, "news", NAME)
        await one.make()
        await other.make()
        await one.look()


@pytest.mark.usefixtures("apache_kafka")
def test_older_worker_of_a_name_ends_and_the_younger_serves(stage: Stage, lists: EmittedLists) -> None:
    older = stage.start_worker(MILLRACE_GROUP_INSTANCE_ID=NAME)
    younger = stage.start_worker(MILLRACE_GROUP_INSTANCE_ID=NAME)
    assert f"MILLRACE_GROUP_INSTANCE_ID={NAME}: another worker" in refusal_of(older)
    traffic = stage.traffic()
    traffic.clicks([f"shopper-{number}" for number in range(20)], each=2)
    lists.read_all(traffic.answers().keys())
    assert lists.wrong(traffic.answers()) == {}
    assert younger.child.is_running()
