"""The Redis client of retrain: synchronous; one Redis, a Cluster, or the master that Sentinels name.

Owns making it and saying what is wrong in words. Callers: `retrain.retrain_commands`,
`retrain.schedule.retrain_service`.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from redis import Redis, RedisCluster, UnixDomainSocketConnection, exceptions
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.connection import ConnectionPool
from redis.retry import Retry
from redis.sentinel import Sentinel

from schemas.connections import redis_arguments, sentinel_arguments
from schemas.errors import Unavailable, UsageError
from schemas.redis_address import parse_redis_address
from schemas.settings import SharedSettings

T = TypeVar("T")
Client = Any
"""`redis.Redis` or `redis.RedisCluster`: the commands are the same, the types know too many answers."""
_INCURABLE = (exceptions.AuthenticationError, exceptions.NoPermissionError)


def open_retrain_redis(settings: SharedSettings) -> Client:
    """A client of the Redis that the settings name.

    Raises:
        UsageError: a certificate or key file cannot be read, or Redis refuses the user.
        Unavailable: no node of a Cluster answers; the other kinds connect later.
    """
    address = parse_redis_address(settings.redis_url)
    arguments = redis_arguments(settings)
    if address.kind == "cluster":
        make = cast("type[Any]", ClusterNode)  # untyped
        nodes = [make(host, port) for host, port in address.nodes]
        return asked(lambda: RedisCluster(startup_nodes=nodes, **arguments))
    arguments |= {"retry": Retry(NoBackoff(), 1)}
    if address.kind == "sentinel":
        make = cast("type[Any]", Sentinel)  # untyped
        sentinels = make(address.nodes, sentinel_kwargs=sentinel_arguments(settings))
        return sentinels.master_for(address.service, **arguments)
    if address.path is not None:
        arguments |= {"connection_class": UnixDomainSocketConnection, "path": address.path}
        return Redis(connection_pool=ConnectionPool(**arguments))
    ((host, port),) = address.nodes
    return Redis(host=host, port=port, **arguments)


def asked(command: Callable[[], T]) -> T:
    """A command's answer.

    Raises:
        UsageError: Redis refuses user, password or command.
        Unavailable: there is none, for any other reason.
    """
    try:
        return command()
    except _INCURABLE as error:
        raise UsageError(
            f"Redis refuses retrain: {error}; check user, password and the user's ACL (MILLRACE_REDIS_URL)"
        ) from error
    except (exceptions.RedisError, OSError) as error:
        raise Unavailable(
            f"Redis does not answer ({error}); is it up, and is MILLRACE_REDIS_URL right?"
        ) from error
