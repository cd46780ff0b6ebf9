"""Clients of the kinds of Redis that the same tests run on: one Redis, and a Cluster of three nodes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from schemas.settings import SharedSettings
from streams.redis_clients import open_redis

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
