"""RedisAddress: what MILLRACE_REDIS_URL says: one Redis, a Cluster, or a master that Sentinels name.

Owns the forms of the URL and their refusal; connects to nothing. Callers: `schemas.settings`,
`schemas.connections`.
"""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

ALLOWED = (
    "give redis://[user:password@]host:6379/0, unix:///path, redis+cluster://h1:6379,h2:6379 or "
    "redis+sentinel://h1:26379,h2:26379/SERVICE[/0]; rediss:// in place of redis:// for TLS"
)
NO_PARAMETERS = "it takes no ?parameters; certificates are given by MILLRACE_REDIS_SSL_…"
_FORM = re.compile(
    r"(?P<scheme>rediss?(\+cluster|\+sentinel)?|unix)://"
    r"((?P<username>[^:@/?#]*)(:(?P<password>[^@/?#]*))?@)?(?P<hosts>[^@/?#]*)(?P<path>/[^?#]*)?"
)
_HOST = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+)(:(?P<port>\d{1,5}))?")
_PORT, _SENTINEL_PORT, _LARGEST_PORT = 6379, 26379, 65_535


@dataclass(frozen=True)
class RedisAddress:
    """Where a Redis is, and who asks."""

    kind: Literal["single", "cluster", "sentinel"]
    tls: bool
    nodes: tuple[tuple[str, int], ...]
    """Host and port of the Redis, of some nodes of the Cluster, or of the Sentinels; none with a socket."""
    path: str | None = None
    """The Unix socket."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    db: int = 0
    service: str = ""
    """What the Sentinels call the master."""


def parse_redis_address(url: str) -> RedisAddress:
    """The parts of a URL; user and password percent-decoded.

    Raises:
        ValueError: it has none of the allowed forms; the message does not repeat it, since it may hold a
            password.
    """
    found = _FORM.fullmatch(url)
    if found is None:
        raise ValueError(NO_PARAMETERS if "?" in url else ALLOWED)
    scheme, _, kind = found["scheme"].partition("+")
    username, password = (unquote(found[part] or "") or None for part in ("username", "password"))
    parts = [unquote(part) for part in (found["path"] or "").split("/") if part]
    if scheme == "unix":
        path = unquote(found["path"] or "")
        if found["hosts"] or len(path) <= 1:
            raise ValueError(ALLOWED)
        return RedisAddress("single", False, (), path, username, password)
    nodes = _nodes(found["hosts"], _SENTINEL_PORT if kind == "sentinel" else _PORT)
    tls = scheme == "rediss"
    if kind == "cluster":
        if any(part != "0" for part in parts):
            raise ValueError("a Redis Cluster has no databases: leave /… out")
        return RedisAddress("cluster", tls, nodes, None, username, password)
    if kind == "sentinel":
        if not parts:
            raise ValueError("name the SERVICE, as in redis+sentinel://h1:26379,h2:26379/SERVICE[/0]")
        return RedisAddress("sentinel", tls, nodes, None, username, password, _db(parts[1:]), parts[0])
    if len(nodes) != 1:
        raise ValueError("several hosts need redis+cluster:// or redis+sentinel://")
    return RedisAddress("single", tls, nodes, None, username, password, _db(parts))


def _nodes(hosts: str, port: int) -> tuple[tuple[str, int], ...]:
    found = [_HOST.fullmatch(host.strip()) for host in hosts.split(",")]
    nodes = [(one["host"].strip("[]"), int(one["port"] or port)) for one in found if one is not None]
    if len(nodes) < len(found) or not all(0 < port <= _LARGEST_PORT for _, port in nodes):
        raise ValueError(ALLOWED)
    return tuple(nodes)


def _db(parts: list[str]) -> int:
    if len(parts) > 1 or any(not part.isdecimal() for part in parts):
        raise ValueError(ALLOWED)
    return int(parts[0]) if parts else 0
