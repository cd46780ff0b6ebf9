"""The heartbeat of a worker: every two seconds it writes into Redis what it serves and how it does.

Writer: this module alone writes the hash `schemas.redis_keys.WORKERS`. Readers: `retrain`. Times are those of
Redis, so that the clocks of machines need not agree. It serves nobody on the hot path: where Redis is away,
it is silent until that is back. Caller: `streams.worker`.
"""

import asyncio
import os
import socket
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
import structlog
from msgspec.structs import replace
from redis.asyncio import Redis

from schemas.errors import Unavailable
from schemas.redis_keys import WORKERS
from schemas.worker_heartbeat import (
    HEARTBEAT_S,
    WorkerHeartbeat,
    decode_worker_heartbeat,
    encode_worker_heartbeat,
)
from streams.redis_clients import available

log = structlog.get_logger("millrace.heartbeat")
FORGOTTEN_AFTER = timedelta(days=1)
"""A worker that was silent for so long is forgotten by the others."""
_LOOK_FOR_FORGOTTEN_S = 600.0
_FAREWELL_S = 2.0
_NOW = "local time = redis.call('TIME') return {time[1], time[2], KEYS[1]}"
"""A script, since it goes to the node of a Redis Cluster that has the key, whose clock counts."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def worker_name(group_instance_id: str | None) -> str:
    """The worker's name in the group that survives restarts, or one that no other process has."""
    return group_instance_id or f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


class Heartbeat:
    """The heartbeat of one worker; `run` is a task that ends when it is cancelled."""

    def __init__(
        self, redis: "Redis", worker_id: str, describe: Callable[[WorkerHeartbeat], WorkerHeartbeat]
    ) -> None:
        """Prepare; nothing is written yet.

        Args:
            redis: the worker's.
            worker_id: see `worker_name`.
            describe: fills in what the worker is at this moment.
        """
        self._redis = redis
        self._describe = describe
        self._now = redis.register_script(_NOW)
        self._bare = WorkerHeartbeat(worker_id=worker_id, at=_NEVER, started_at=_NEVER, ready=False)
        self._looked_at = _NEVER
        self._due = asyncio.Event()

    def beat_soon(self) -> None:
        """Something has changed that others wait for: do not wait for the next time."""
        self._due.set()

    async def run(self) -> None:
        """Beat every two seconds; a beat that fails is left out, and logged once until one succeeds."""
        trouble = ""
        while True:
            self._due.clear()
            try:
                await self.beat()
            except Unavailable as error:
                if not trouble:
                    log.info("no heartbeat, tried again every two seconds", error=str(error))
                trouble = str(error)
            except Exception as error:  # the scheduler's boundary: a bug here must not end the heartbeat
                if trouble != repr(error):
                    log.exception("no heartbeat, tried again every two seconds")
                trouble = repr(error)
            else:
                if trouble:
                    log.info("heartbeat again")
                trouble = ""
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), HEARTBEAT_S)

    async def beat(self) -> None:
        """One heartbeat; now and then, forget the workers that are silent for a day.

        Raises:
            Unavailable: Redis does not answer.
        """
        now = await self._redis_time()
        if self._bare.started_at == _NEVER:
            self._bare = replace(self._bare, started_at=now)
        value = encode_worker_heartbeat(self._describe(replace(self._bare, at=now)))
        await self._command("HSET", self._bare.worker_id, value)
        if (now - self._looked_at).total_seconds() >= _LOOK_FOR_FORGOTTEN_S:
            await self._forget_silent_ones(now)
            self._looked_at = now

    async def farewell(self) -> None:
        """The worker stops: it is no longer waited for. Where Redis is away, its last heartbeat grows old."""
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._command("HDEL", self._bare.worker_id)

    async def _redis_time(self) -> datetime:
        seconds, microseconds, _ = await available(self._now([WORKERS]))
        return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(microseconds))

    async def _forget_silent_ones(self, now: datetime) -> None:
        stored: dict[bytes, bytes] = await available(cast(Awaitable[Any], self._redis.hgetall(WORKERS)))
        silent = [name for name, value in stored.items() if _last_beat(value, now) < now - FORGOTTEN_AFTER]
        if silent:
            await self._command("HDEL", *silent)
            log.info("workers forgotten that were silent for a day", workers=[one.decode() for one in silent])

    async def _command(self, name: str, *arguments: str | bytes) -> None:
        execute = cast(Any, self._redis.execute_command)
        await available(cast(Awaitable[Any], execute(name, WORKERS, *arguments)))


def _last_beat(value: bytes, unknown: datetime) -> datetime:
    """When a worker was last heard of; of a later version, whose form is not known, `unknown`."""
    try:
        return decode_worker_heartbeat(value).at
    except msgspec.DecodeError:
        return unknown
