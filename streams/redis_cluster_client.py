"""ClusterClient: the commands of Redis on a Cluster, each sent to the node that serves its key's slot.

Owns the map of slots, and the client of each node. Where a node says MOVED, or fails, the map is read anew
and the command is tried once more; waiting out a failover is the callers'. redis-py's own client of a Cluster
closes connections under the commands that other tasks have on them, so that many at once fail.
Caller: `streams.redis_clients`.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from redis import exceptions
from redis.asyncio import Redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

Address = tuple[str, int]
_TRIES = 2
_ELSEWHERE = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.MovedError,
    exceptions.ClusterDownError,
    exceptions.ReadOnlyError,
    OSError,
)
_SCRIPTS = ("EVALSHA", "EVAL")
_TO_ALL = "SCRIPT LOAD"


class ClusterClient(Redis):
    """A client for commands whose keys are all of one slot, and for loading scripts."""

    def __init__(self, some_nodes: Sequence[Address], connect: Callable[[str, int], "Redis"]) -> None:
        """Prepare; nothing is connected yet.

        Args:
            some_nodes: where to ask for the others.
            connect: makes the client of a node.
        """
        super().__init__(connection_pool=connect(*some_nodes[0]).connection_pool)
        self._some_nodes = some_nodes
        self._connect = connect
        self._nodes: dict[Address, Redis] = {}
        self._owners: list[Address | None] = []
        """By slot, the master that serves it; empty: to be read."""
        self._reading = asyncio.Lock()

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: ARG002
        """Disconnect from all nodes."""
        nodes, self._nodes, self._owners = self._nodes, {}, []
        await asyncio.gather(*(node.aclose() for node in nodes.values()))

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command to the node of its first key.

        Raises:
            redis.RedisError: no node takes it.
        """
        for tries_left in reversed(range(_TRIES)):
            owners = self._owners or await self._read_owners()
            try:
                if args[0] == _TO_ALL:
                    return await self._send_to_all(owners, args, options)
                return await _ask(self._owner(owners, args), *args, **options)
            except _ELSEWHERE:
                if self._owners is owners:
                    self._owners = []
                if not tries_left:
                    raise
        raise AssertionError("unreachable")

    def _owner(self, owners: list[Address | None], args: Sequence[Any]) -> "Redis":
        key = args[3] if args[0] in _SCRIPTS else args[1]
        slot = key_slot(key if isinstance(key, bytes) else str(key).encode())
        owner = owners[slot]
        if owner is None:  # the key is not named: it may be a session's, and the message is logged
            raise exceptions.ClusterDownError(f"no node of the Cluster serves slot {slot}")
        return self._node(owner)

    async def _send_to_all(
        self, owners: list[Address | None], args: Sequence[Any], options: dict[str, Any]
    ) -> Any:
        masters = {owner for owner in owners if owner is not None}
        answers = await asyncio.gather(*(_ask(self._node(one), *args, **options) for one in masters))
        return answers[0]

    def _node(self, address: Address) -> "Redis":
        if address not in self._nodes:
            self._nodes[address] = self._connect(*address)
        return self._nodes[address]

    async def _read_owners(self) -> list[Address | None]:
        async with self._reading:
            if not self._owners:  # nobody else has read them meanwhile
                self._owners = await self._ask_any_node()
                gone = self._nodes.keys() - {*self._owners, *self._some_nodes}
                await _close(self._nodes.pop(address) for address in gone)
            return self._owners

    async def _ask_any_node(self) -> list[Address | None]:
        """The masters by slot, as the first node says that can."""
        failed: Exception | None = None
        known = list({*self._nodes, *self._some_nodes})
        for address in random.sample(known, len(known)):
            try:
                ranges = await _ask(self._node(address), "CLUSTER SLOTS")
            except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
                failed = error
            except exceptions.ResponseError as error:
                if "cluster support disabled" not in str(error):
                    raise
                raise exceptions.RedisError(
                    f"{address[0]}:{address[1]} is no node of a Cluster; give redis:// in MILLRACE_REDIS_URL"
                ) from error
            else:
                return _owners(ranges, address)
        raise exceptions.ConnectionError(f"no node of the Cluster answers: {failed}") from failed


def _owners(ranges: Iterable[Sequence[Any]], asked: Address) -> list[Address | None]:
    owners: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
    for first, last, (host, port, *_), *_replicas in ranges:
        name = host.decode() if isinstance(host, bytes) else host
        owner = (name or asked[0], int(port))
        owners[int(first) : int(last) + 1] = [owner] * (int(last) + 1 - int(first))
    return owners


async def _ask(node: "Redis", *args: Any, **options: Any) -> Any:
    return await node.execute_command(*args, **options)  # type: ignore[no-untyped-call]


async def _close(nodes: Iterable["Redis"]) -> None:
    for node in nodes:
        with suppress(exceptions.RedisError, OSError):  # it is gone; what it says no longer matters
            await node.aclose()
