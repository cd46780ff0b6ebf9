"""The Redis clients of worker and lookup: one Redis, a Cluster, or the master that Sentinels name.

Owns making them and sorting their errors by fate; `schemas.redis_address` owns the forms of the URL.
Callers: `streams.worker`, `streams.lookup`, and every module that asks Redis something.
"""

import re
from collections.abc import Awaitable
from typing import Any, TypeVar, cast

import hiredis
from redis import exceptions
from redis.asyncio import (
    BlockingConnectionPool,
    Connection,
    Redis,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from schemas.connections import redis_arguments, sentinel_arguments
from schemas.errors import Unavailable, UsageError
from schemas.redis_address import RedisAddress, parse_redis_address
from schemas.settings import SharedSettings
from streams.redis_cluster_client import ClusterClient

T = TypeVar("T")
_SHOWN_CLIENT = re.compile(r"<redis\..*?> - ")
"""A whole client, in the error of Sentinels that name no master."""
_CONNECTIONS = 64
_INCURABLE = (exceptions.AuthenticationError, exceptions.NoPermissionError)
_ERRORS = (exceptions.RedisError, OSError)


class _Packed(AbstractConnection):
    """Packs commands in C; the asyncio client does it in Python, a tenth of the time of a save."""

    def pack_command(self, *args: Any) -> list[bytes]:
        name, *rest = args
        words = name.split() if isinstance(name, (str, bytes)) else [name]  # SCRIPT LOAD, for one
        return [hiredis.pack_command((*words, *rest))]


class _PackedConnection(_Packed, Connection):
    """Over TCP."""


class _PackedSslConnection(_Packed, SSLConnection):
    """Over TLS."""


class _PackedUnixConnection(_Packed, UnixDomainSocketConnection):
    """Over a socket file."""


def open_redis(settings: SharedSettings, timeout_s: float | None = None) -> "Redis":
    """A client of the Redis that the settings name; nothing is connected yet.

    It tries a command once more at once, for the connection may be an old one; waiting is the callers'.

    Args:
        settings: of the program.
        timeout_s: how long to wait for a connection or an answer; the worker's patience where None.

    Raises:
        UsageError: a certificate or key file cannot be read.
    """
    address = parse_redis_address(settings.redis_url)
    arguments = redis_arguments(settings) | {"retry": Retry(NoBackoff(), 1)}
    timeouts = {} if timeout_s is None else {"socket_connect_timeout": timeout_s, "socket_timeout": timeout_s}
    arguments |= timeouts
    arguments |= {"max_connections": _CONNECTIONS, "timeout": arguments["socket_timeout"]}
    if address.kind == "cluster":
        return ClusterClient(
            address.nodes, lambda host, port: _client({"host": host, "port": port}, arguments)
        )
    if address.kind == "sentinel":
        return _ThroughSentinels.master_of(address, sentinel_arguments(settings) | timeouts, arguments)
    if address.path is not None:
        return _client({"connection_class": _PackedUnixConnection, "path": address.path}, arguments)
    ((host, port),) = address.nodes
    return _client({"host": host, "port": port}, arguments)


def _client(where: dict[str, Any], arguments: dict[str, Any]) -> "Redis":
    """A client of one Redis; who finds all connections in use waits for one."""
    connection = _PackedSslConnection if "ssl" in arguments else _PackedConnection
    every = {"connection_class": connection} | arguments | where
    every.pop("ssl", None)
    return Redis.from_pool(BlockingConnectionPool(**every))


class _WaitingSentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """Asks the Sentinels for the master; who finds all connections in use waits for one."""


class _ThroughSentinels(Redis):
    """A client that also closes its connections to the Sentinels."""

    @classmethod
    def master_of(cls, address: RedisAddress, asking: dict[str, Any], arguments: dict[str, Any]) -> Redis:
        """A client of the master, given the arguments of connections to the Sentinels and to it."""
        make = cast("type[Any]", Sentinel)  # untyped
        sentinels = make(address.nodes, sentinel_kwargs=asking)
        return cast(Redis, sentinels.master_for(address.service, cls, _WaitingSentinelPool, **arguments))

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        await cast(SentinelConnectionPool, self.connection_pool).sentinel_manager.aclose()


async def available(command: Awaitable[T]) -> T:
    """A command's answer.

    Raises:
        Unavailable: there is none, for any reason.
    """
    try:
        return await command
    except _ERRORS as error:
        raise Unavailable(f"Redis: {_in_words(error)}") from error


def _in_words(error: Exception) -> str:
    """What a client's error says, with a remedy where it does not name one."""
    if isinstance(error, exceptions.MovedError):
        return f"{error}; it is a node of a Cluster: give redis+cluster:// in MILLRACE_REDIS_URL"
    if isinstance(error, MasterNotFoundError):
        said = _SHOWN_CLIENT.sub("", str(error))
        remedy = "check MILLRACE_REDIS_SENTINEL_PASSWORD" if "Auth" in said else "check MILLRACE_REDIS_URL"
        return f"{said}; {remedy}"
    if "used memory > 'maxmemory'" in str(error):
        return "it is full and refuses to write; raise maxmemory, or shorten MILLRACE_STATE_TTL_S"
    if isinstance(error, exceptions.ReadOnlyError):
        return f"{error} MILLRACE_REDIS_URL leads to a replica; give the master's address if this lasts"
    return str(error)


async def answered(command: Awaitable[T]) -> T:
    """A command's answer, where the caller ends on what waiting cannot cure.

    Raises:
        UsageError: Redis refuses user, password or command.
        Unavailable: anything else: a failover, a Cluster without some of its slots, a full memory pass.
    """
    try:
        return await available(command)
    except Unavailable as error:
        if isinstance(error.__cause__, _INCURABLE):
            raise UsageError(
                f"Redis refuses the worker: {error.__cause__}; check user, password and the user's ACL "
                "(MILLRACE_REDIS_URL)"
            ) from error
        raise
