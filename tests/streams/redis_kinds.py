"""Clients of the kinds of Redis that tests run on: one Redis, a Cluster, a master that a Sentinel names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from redis import Redis as SyncRedis
from redis import RedisCluster
from redis.asyncio import Redis
from redis.cluster import ClusterNode
from redis.sentinel import Sentinel

from schemas.redis_address import parse_redis_address
from schemas.settings import SharedSettings
from streams.redis_clients import open_redis
from tests.services.redis_sentinels import PASSWORD

KINDS = ["one redis", "cluster"]


@asynccontextmanager
async def redis_of_kind(kind: str, request: pytest.FixtureRequest) -> AsyncIterator["Redis"]:
    """A client of an empty Redis of this kind, as worker and lookup make it."""
    url = (
        request.getfixturevalue("redis_url")
        if kind == KINDS[0]
        else request.getfixturevalue("redis_cluster").url
    )
    client = open_redis(SharedSettings(redis_url=url))
    try:
        yield client
    finally:
        await client.aclose()


def client_to_look_in(url: str) -> "SyncRedis":
    """What a test looks into a worker's Redis with, whatever kind it is; close it."""
    address = parse_redis_address(url)
    if address.kind == "cluster":
        make = cast("type[Any]", ClusterNode)  # untyped
        nodes = [make(host, port) for host, port in address.nodes]
        return cast("SyncRedis", RedisCluster(startup_nodes=nodes))
    if address.kind == "sentinel":
        asking = cast("type[Any]", Sentinel)(address.nodes, sentinel_kwargs={"password": PASSWORD})
        return cast("SyncRedis", asking.master_for(address.service))
    return SyncRedis.from_url(url)
