"""The lookup as it is served: the real protocol on a real socket, with a real Redis behind it."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from models.release import load_tables
from schemas.ids import ItemId, ReleaseId, SessionId
from schemas.recommendation_list import (
    RecommendationList,
    ScoredItem,
    Source,
    encode_recommendation_list,
)
from schemas.redis_keys import bucket_of, latest_key
from streams.health import Health
from streams.lookup.admission import Admission
from streams.lookup.erase_producer import EraseProducer
from streams.lookup.erasing import Erasing
from streams.lookup.http_server import PATIENCE_S, LookupServer, lookup_server
from streams.lookup.lookup_metrics import LookupMetrics
from streams.lookup.redis_reading import TIMEOUT_S, RedisReading
from streams.lookup.retrain_producer import RetrainProducer
from streams.lookup.routes import Lookup
from streams.lookup.served_tables import CurrentTables
from streams.redis_clients import open_redis
from streams.settings import LookupSettings
from tests.release_builder import write_release_tables

BUCKETS = 16


def a_list(session_id: str, items: list[str]) -> RecommendationList:
    source = Source("events", 3, 41)
    return RecommendationList(
        recommendation_id=source.recommendation_id,
        source=source,
        session_id=SessionId(session_id),
        release_id=ReleaseId("r0"),
        strategy="gru4rec",
        items=[ScoredItem(ItemId(item), 1.0 - at / 8) for at, item in enumerate(items)],
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        produced_at=datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC),
    )


def a_lookup(
    settings: LookupSettings, current: CurrentTables, eraser: EraseProducer
) -> tuple[Lookup, "Redis"]:
    redis = open_redis(settings, TIMEOUT_S)
    metrics = LookupMetrics(CollectorRegistry())
    admission = Admission(settings, time.monotonic)
    reading = RedisReading(redis, settings.redis_buckets)
    erasing = Erasing(redis, settings.redis_buckets, eraser, time.time)
    retraining = RetrainProducer(settings, time.time)
    health = Health(metrics.ready)
    return Lookup(reading, current, health, metrics, admission, erasing, retraining, k=2), redis


async def store_list(redis: "Redis", session_id: str, items: list[str]) -> bytes:
    value = encode_recommendation_list(a_list(session_id, items))
    key = latest_key(bucket_of(SessionId(session_id), BUCKETS), SessionId(session_id))
    await redis.set(key, value)
    return value


def current_tables(folder: Path) -> CurrentTables:
    write_release_tables(folder, "r1", ["a", "b", "c", "d/e"])
    current = CurrentTables()
    current.use_release(load_tables(folder / "r1"))
    return current


@dataclass(frozen=True)
class Answer:
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """A connection on which a test writes bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self, *, head_only: bool = False) -> Answer:
        """The next answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.rstrip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        length = 0 if head_only else int(headers.get("content-length", 0))
        return Answer(int(status_line.split()[1]), headers, await self.reader.readexactly(length))

    async def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """One request and its answer."""
        self.writer.write(a_request(path, method, **headers))
        return await self.answer(head_only=method == "HEAD")

    async def has_ended_at_last(self) -> bool:
        """Whether the server ends the connection, whatever it said before."""
        with contextlib.suppress(ConnectionResetError):
            await self.reader.read()
        return True

    async def has_ended(self) -> bool:
        """Whether the server ends the connection, having said all."""
        with contextlib.suppress(ConnectionResetError):
            return await self.reader.read() == b""
        return True


def a_request(path: str, method: str = "GET", **headers: str) -> bytes:
    named = {"host": "lookup", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


@dataclass(frozen=True)
class ShopServer:
    """A running server and what it reads."""

    port: int
    lookup: Lookup
    redis: "Redis"
    server: LookupServer

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        """A new connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """One request on a connection of its own."""
        async with self.wire() as wire:
            return await wire.ask(path, method, **headers)


@asynccontextmanager
async def shop_server(
    redis_url: str, current: CurrentTables, patience_s: float = PATIENCE_S, /, **settings: Any
) -> AsyncIterator[ShopServer]:
    """Serve on a free port of loopback.

    Args:
        redis_url: where the lists are.
        current: the release.
        patience_s: how long a connection may bring nothing.
        settings: of the lookup.
    """
    of_lookup = LookupSettings(redis_url=redis_url, redis_buckets=BUCKETS, **settings)
    eraser = EraseProducer(of_lookup)
    lookup, redis = a_lookup(of_lookup, current, eraser)
    server = lookup_server(lookup, patience_s)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve([listening]))
        yield ShopServer(listening.getsockname()[1], lookup, redis, server)
        server.should_exit = True
        await serving
    await eraser.stop()
    await lookup.retraining.stop()
    await redis.aclose()
